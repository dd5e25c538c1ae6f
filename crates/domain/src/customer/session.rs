//! A session: a family of refresh tokens, of which one is good at a time.
//!
//! A token is used once and answered with its successor. When one that has a successor comes
//! again, somebody has a copy, and nobody can say who is who: the whole family ends. But an answer can be
//! lost on its way, and then the customer has nothing but the token that was used. So the token
//! before the present one is answered once more while its successor was never used, for
//! [`REPLAY_GRACE`]: with a new successor, and the one that got lost is good for nothing any more.
//!
//! | the token is | and the session is | the answer |
//! |---|---|---|
//! | the present one | live | a successor |
//! | the one before, within its grace | live | another successor in place of the present one |
//! | another of this family | live | refused, and the family ends |
//! | of no family | any | refused, nothing changes |
//! | any of this family | past its life, or ended | refused |

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{CustomerId, Timestamp, id::SessionId, limits};

/// How long a session lives without being used.
pub const IDLE_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// How long it lives however much it is used: then a password is asked for.
pub const WHOLE_LIFE: Duration = Duration::from_secs(180 * 86_400);

/// How long the token before the present one is answered again: a client's time-out, and a retry.
pub const REPLAY_GRACE: Duration = Duration::from_secs(30);

const _: () = assert!(IDLE_LIFE.as_secs() < WHOLE_LIFE.as_secs());
const _: () = assert!(REPLAY_GRACE.as_secs() < 600, "shorter than an access token lives");

/// SHA-256 of a token's secret, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(pub String);

/// Why a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// Its customer logged out.
    LogOut,
    /// A token came that had a successor in use.
    Reuse,
    /// The password was changed.
    Password,
    /// A newer one took its place.
    Crowded,
    /// The account was erased or merged.
    Gone,
}

/// The token before the present one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What it was.
    pub hash: TokenHash,
    /// When its first successor was given.
    pub at: Timestamp,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id: the `sid` of its access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// What all its tokens have in common: who shows it has had one of them.
    pub family: TokenHash,
    /// The token that is good now.
    pub current: TokenHash,
    /// The one before; never one that is two before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Turn>,
    /// When it began.
    pub created_at: Timestamp,
    /// When a token was used or given last.
    pub used_at: Timestamp,
    /// Why it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedBy>,
}

/// Why no token is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is of no family.
    #[error("the token is unknown")]
    Unknown,
    /// The session has ended before.
    #[error("the session has ended")]
    Closed,
    /// It was not used for too long, or is too old.
    #[error("the session has lapsed")]
    Lapsed,
}

/// What a token that is shown comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The session with the new token in it.
    Turned(Session),
    /// The session has ended, now: somebody has a copy.
    Reused(Session),
    /// Nothing changes.
    Refused(Refusal),
}

impl Session {
    /// A session that begins with a token.
    #[must_use]
    pub const fn begun(
        id: SessionId,
        customer_id: CustomerId,
        family: TokenHash,
        first: TokenHash,
        now: Timestamp,
    ) -> Self {
        let (previous, closed) = (None, None);
        let (created_at, used_at) = (now, now);
        Self { id, customer_id, family, current: first, previous, created_at, used_at, closed }
    }

    /// When it ends by itself unless it is used.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.used_at.after(IDLE_LIFE).min(self.created_at.after(WHOLE_LIFE))
    }

    /// Whether a token of it can be used at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.closed.is_none() && now < self.expires_at()
    }

    /// The session, ended; `None` for one that has ended before.
    #[must_use]
    pub fn closed(mut self, by: ClosedBy) -> Option<Self> {
        if self.closed.is_some() {
            return None;
        }
        self.closed = Some(by);
        Some(self)
    }
}

/// The sessions that make room for one more: those that have ended, then those that were used
/// longest ago, as far as there are [`limits::SESSIONS_MAX`] or more.
#[must_use]
pub fn crowded_out(mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.sort_by_key(|session| (session.closed.is_none(), session.used_at));
    sessions.truncate((sessions.len() + 1).saturating_sub(limits::SESSIONS_MAX));
    sessions
}

/// A token is shown: its family's part and its own, and the successor it would have.
#[must_use]
pub fn present(
    session: &Session,
    family: &TokenHash,
    shown: &TokenHash,
    successor: TokenHash,
    now: Timestamp,
) -> Answer {
    if session.family != *family {
        return Answer::Refused(Refusal::Unknown);
    }
    if session.closed.is_some() {
        return Answer::Refused(Refusal::Closed);
    }
    if !session.is_live(now) {
        return Answer::Refused(Refusal::Lapsed);
    }
    let mut after = session.clone();
    if session.current == *shown {
        after.previous = Some(Turn { hash: shown.clone(), at: now });
    } else if !session.previous.as_ref().is_some_and(|turn| turn.answers(shown, now)) {
        after.closed = Some(ClosedBy::Reuse);
        return Answer::Reused(after);
    }
    after.current = successor;
    after.used_at = now;
    Answer::Turned(after)
}

impl Turn {
    /// Whether this token may be answered again. That its successor was never used goes without saying: it
    /// would be the one before, otherwise.
    fn answers(&self, shown: &TokenHash, now: Timestamp) -> bool {
        self.hash == *shown && now.since(self.at) < REPLAY_GRACE
    }
}
