//! Somebody: what is kept of them while they are there.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Address, MailKind, Preferences, Rejection};
use crate::Timestamp;

/// How long a link that proves an address is good for, and an account that was never proved is
/// kept: somebody may be on holiday.
pub const VERIFY_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// How long a link that sets a new password is good for: as long as it takes to read a mail.
pub(super) const RESET_LIFE: Duration = Duration::from_secs(3_600);

/// An e-mail address, as it is kept and compared: in lower case.
///
/// Mail servers may tell `Ann@` from `ann@`, but none does, and two accounts that differ in that
/// would be one person's mistake. Dots and tags stay: what they mean is each server's own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The address `text`, which its reader has found to be one.
    #[must_use]
    pub fn normalised(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(personal)")
    }
}

/// What is kept of a password: its bcrypt hash, with cost and salt in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash.
    #[must_use]
    pub const fn new(hash: String) -> Self {
        Self(hash)
    }

    /// The hash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

/// Who somebody is for an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name under which the provider is configured.
    pub provider: String,
    /// The provider's own name for them: never given to anybody else.
    pub subject: String,
}

/// A mail that is waited for to be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// What for.
    pub purpose: MailKind,
    /// Which mail: one that is answered is not answered again.
    pub number: u32,
    /// Where it goes.
    pub email: Email,
    /// Until when an answer counts.
    pub expires_at: Timestamp,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their addresses: mail goes to the first; others came with accounts that were merged.
    pub emails: Vec<Email>,
    /// When the first address was proved to be theirs.
    #[serde(default)]
    pub verified_at: Option<Timestamp>,
    /// None where only identity providers know them.
    #[serde(default)]
    pub password: Option<PasswordHash>,
    /// Who they are elsewhere.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// What they are called.
    #[serde(default)]
    pub name: Option<String>,
    /// Where things are sent to, by what they call it.
    #[serde(default)]
    pub addresses: BTreeMap<String, Address>,
    /// What they would rather have.
    #[serde(default)]
    pub preferences: Preferences,
    /// Mails that wait for an answer: one for each purpose at most.
    #[serde(default)]
    pub challenges: Vec<Challenge>,
    /// Sessions that began by then are void: a password was changed, or all were logged out.
    #[serde(default)]
    pub sessions_void_at: Option<Timestamp>,
}

impl Person {
    /// Somebody with one address.
    #[must_use]
    pub fn new(email: Email, name: Option<String>) -> Self {
        Self {
            emails: vec![email],
            verified_at: None,
            password: None,
            identities: Vec::new(),
            name,
            addresses: BTreeMap::new(),
            preferences: Preferences::default(),
            challenges: Vec::new(),
            sessions_void_at: None,
        }
    }

    /// Whether a session that began then is one of theirs still.
    #[must_use]
    pub fn stands_by(&self, began_at: Timestamp) -> bool {
        self.sessions_void_at.is_none_or(|void_at| began_at > void_at)
    }

    /// Whether they may sign in: not before an address is proved to be theirs.
    #[must_use]
    pub const fn may_sign_in(&self) -> bool {
        self.verified_at.is_some()
    }

    /// The mail that waits for an answer at `now`.
    #[must_use]
    pub fn awaited(&self, purpose: MailKind, number: u32, now: Timestamp) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| {
            challenge.purpose == purpose && challenge.number == number && challenge.expires_at > now
        })
    }

    pub(super) fn answered(
        &mut self,
        purpose: MailKind,
        number: u32,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let awaited = self.awaited(purpose, number, now).ok_or(Rejection::NotAwaited)?;
        // It was sent somewhere else than where mail goes now.
        if self.emails.first() != Some(&awaited.email) {
            return Err(Rejection::NotAwaited);
        }
        self.challenges.retain(|challenge| challenge.purpose != purpose);
        self.verified_at.get_or_insert(now);
        Ok(())
    }
}
