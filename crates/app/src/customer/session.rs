//! Sessions: how they begin, go on and end.

use lmall_domain::{
    CustomerId, Timestamp,
    customer::{
        Answer, ClosedBy, Customer, Refusal as No, Session, TokenHash, crowded_out, present, token,
    },
    id::SessionId,
};

use super::{Customers, Deed, TABLE, row, secret};
use crate::{
    Changeset, Refusal, Write,
    failure::{Failure, Round, committed, rounds},
    ports::{Query, RevocationError, SignError},
    row::{Versioned, decode},
};

/// Bytes of a token that all of its family have in common.
const FAMILY_BYTES: usize = 16;

/// Bytes of a token that are its own.
const OWN_BYTES: usize = 32;

/// Sessions read in one query.
const PAGE: usize = 100;

/// How long what is kept of a session's end outlives its access tokens: clocks differ.
const REVOKED_LIFE_SECS: i64 = token::LIFE_SECS + 60;

/// What somebody who has a session is given.
#[derive(Clone)]
pub struct Granted {
    /// Who they are.
    pub customer_id: CustomerId,
    /// The session.
    pub session_id: SessionId,
    /// The access token: a secret.
    pub access_token: String,
    /// The refresh token: a secret, used once.
    pub refresh_token: String,
    /// When the session ends unless it is used.
    pub expires_at: Timestamp,
}

/// A refresh token as it was shown, taken apart.
#[derive(Clone)]
pub struct RefreshToken {
    customer_id: CustomerId,
    session_id: SessionId,
    family: [u8; FAMILY_BYTES],
    own: [u8; OWN_BYTES],
}

/// Why a session does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is not good: unknown, used before, lapsed, or its session has ended.
    #[error("the refresh token is not good")]
    NotGood,
    /// It could not be carried out; the same token may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<RevocationError> for Failure {
    fn from(error: RevocationError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl RefreshToken {
    /// The token in a text; `None` for one that no session can have given.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '.');
        let (secret, session, customer) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes: [u8; FAMILY_BYTES + OWN_BYTES] = secret::decoded(secret)?;
        let (family, own) = bytes.split_at(FAMILY_BYTES);
        Some(Self {
            customer_id: customer.parse().ok()?,
            session_id: session.parse().ok()?,
            family: family.try_into().ok()?,
            own: own.try_into().ok()?,
        })
    }

    /// Whose it says it is, and of which session.
    pub(super) const fn names(&self) -> (&CustomerId, &SessionId) {
        (&self.customer_id, &self.session_id)
    }

    /// What is kept of its family's part and of its own.
    pub(super) fn kept(&self) -> (TokenHash, TokenHash) {
        (secret::kept(&self.family), secret::kept(&self.own))
    }

    fn text(&self) -> String {
        let secret = secret::encoded(&[&self.family[..], &self.own].concat());
        format!("{}.{}.{secret}", self.customer_id, self.session_id)
    }
}

impl Customers {
    /// A session of this customer that is not there yet, and its first token.
    pub(super) fn new_session(&self, id: &CustomerId, now: Timestamp) -> (Session, RefreshToken) {
        let session_id = format!("ses_{}", hex::encode(self.chance.bytes::<16>()));
        let session_id: SessionId = session_id.parse().expect("hexadecimal digits are an id");
        let (family, own) = (self.chance.bytes(), self.chance.bytes());
        let token = RefreshToken { customer_id: id.clone(), session_id, family, own };
        let (family, first) = token.kept();
        let session = Session::begun(token.session_id.clone(), id.clone(), family, first, now);
        (session, token)
    }

    /// What the holder of this session's token is given.
    pub(super) fn granted(
        &self,
        session: &Session,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<Granted, Failure> {
        let claims = token::Claims {
            iss: self.issuer.clone(),
            aud: token::AUDIENCE.to_owned(),
            sub: session.customer_id.clone(),
            sid: session.id.clone(),
            iat: now.as_secs(),
            exp: now.as_secs() + token::LIFE_SECS,
            jti: hex::encode(self.chance.bytes::<16>()),
        };
        Ok(Granted {
            customer_id: session.customer_id.clone(),
            session_id: session.id.clone(),
            access_token: self.tokens.sign(&claims, now)?,
            refresh_token: token.text(),
            expires_at: session.expires_at(),
        })
    }

    /// Goes on with a session: the token is used up, its successor is in the answer.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh(&self, shown: &RefreshToken) -> Result<Granted, RefreshError> {
        let (family, own) = shown.kept();
        let next = RefreshToken { own: self.chance.bytes(), ..shown.clone() };
        let successor = secret::kept(&next.own);
        let outcome = rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let Some(before) = self.session(&shown.customer_id, &shown.session_id).await? else {
                return Ok(Round::Done(Err(RefreshError::NotGood)));
            };
            // An outcome that was unknown: it had taken effect.
            if before.value.current == successor && before.value.closed.is_none() {
                return Ok(Round::Done(Ok((before.value, now))));
            }
            let owner = self.load(&shown.customer_id).await?;
            let stands = owner.is_some_and(|owner| stands_by(&owner.value, &before.value));
            let answer = present(&before.value, &family, &own, successor.clone(), now);
            match answer {
                Answer::Refused(No::Unknown | No::Closed | No::Lapsed) => {
                    Ok(Round::Done(Err(RefreshError::NotGood)))
                }
                Answer::Turned(_) if !stands => Ok(Round::Done(Err(RefreshError::NotGood))),
                Answer::Turned(after) => {
                    let changes = Changeset::new().put(row::session(&after), before.version);
                    Ok(match committed(self.store.commit(changes).await)? {
                        Ok(()) => Round::Done(Ok((after, now))),
                        Err(_) => Round::Again,
                    })
                }
                Answer::Reused(after) => {
                    tracing::warn!("a refresh token was used twice: its session has ended");
                    let deed = Some(Deed::TokenReused);
                    Ok(match self.close(&after, before.version, deed, now).await? {
                        Ok(()) => Round::Done(Err(RefreshError::NotGood)),
                        Err(_) => Round::Again,
                    })
                }
            }
        })
        .await?;
        let (session, now) = outcome?;
        Ok(self.granted(&session, &next, now)?)
    }

    /// Ends the session of a token, good or used. A token of no session ends nothing, and that
    /// is well.
    ///
    /// # Errors
    /// When it may not have ended.
    pub async fn log_out(&self, shown: &RefreshToken) -> Result<(), Failure> {
        let (family, _) = shown.kept();
        let session = self.session(&shown.customer_id, &shown.session_id).await?;
        match session {
            Some(session) if session.value.family == family => {
                self.end(&shown.customer_id, &shown.session_id, ClosedBy::LogOut).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Ends one session of the customer; one that is not there, or not theirs, has ended.
    ///
    /// # Errors
    /// When it may not have ended.
    pub async fn end(
        &self,
        customer: &CustomerId,
        id: &SessionId,
        by: ClosedBy,
    ) -> Result<(), Failure> {
        rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let Some(before) = self.session(customer, id).await? else {
                return Ok(Round::Done(()));
            };
            let Some(after) = before.value.clone().closed(by) else {
                // The last time may have ended between the row and the revocation.
                self.revoke(&before.value, now).await?;
                return Ok(Round::Done(()));
            };
            let deed = (by == ClosedBy::LogOut).then_some(Deed::LoggedOut);
            Ok(match self.close(&after, before.version, deed, now).await? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await
    }

    /// Ends every session of the customer: from now on none of them goes on, and none of their
    /// access tokens is good.
    ///
    /// # Errors
    /// When some may not have ended: the same call goes on.
    pub(super) async fn end_all(&self, customer: &CustomerId, by: ClosedBy) -> Result<(), Failure> {
        for session in self.sessions(customer).await? {
            if session.closed.is_none() {
                self.end(customer, &session.id, by).await?;
            } else if self.now().since(session.used_at).as_secs() < REVOKED_LIFE_SECS.unsigned_abs()
            {
                self.revoke(&session, self.now()).await?;
            }
        }
        Ok(())
    }

    /// Ends and forgets those of the customer that have to make room for one more.
    pub(super) async fn make_room(&self, customer: &CustomerId) -> Result<(), Failure> {
        for session in crowded_out(self.sessions(customer).await?) {
            self.end(customer, &session.id, ClosedBy::Crowded).await?;
            if let Some(ended) = self.session(customer, &session.id).await? {
                let key = row::session_key(customer, &session.id);
                let forgotten = Write::Delete(key, ended.version);
                let changes = Changeset::new().with(forgotten, Refusal::Stale);
                // Somebody else who makes room has forgotten it.
                let _forgotten = committed(self.store.commit(changes).await)?;
            }
        }
        Ok(())
    }

    /// The sessions of the customer that have not lapsed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sessions(&self, customer: &CustomerId) -> Result<Vec<Session>, Failure> {
        let mut query = Query {
            table: TABLE,
            partition: row::of(customer),
            prefix: row::SESSION_PREFIX.to_owned(),
            after: None,
            limit: PAGE,
            descending: false,
        };
        let (mut sessions, now) = (Vec::new(), self.now());
        loop {
            let page = self.store.query(&query).await?;
            for item in &page.items {
                sessions.push(decode::<Session>(item)?.value);
            }
            query.after = page.next;
            if query.after.is_none() {
                sessions.retain(|session| session.expires_at() > now);
                return Ok(sessions);
            }
        }
    }

    pub(super) async fn session(
        &self,
        customer: &CustomerId,
        id: &SessionId,
    ) -> Result<Option<Versioned<Session>>, Failure> {
        self.store.get(&row::session_key(customer, id)).await?.as_ref().map(decode).transpose()
    }

    /// Stores a session that has ended, then tells who believes its access tokens.
    async fn close(
        &self,
        session: &Session,
        version: u64,
        deed: Option<Deed>,
        now: Timestamp,
    ) -> Result<Result<(), Refusal>, Failure> {
        let mut changes = Changeset::new().put(row::session(session), version);
        if let Some(deed) = deed {
            changes = changes.insert(self.deed(&session.customer_id, deed, now), Refusal::Stale);
        }
        let outcome = committed(self.store.commit(changes).await)?;
        if outcome.is_ok() {
            self.revoke(session, now).await?;
        }
        Ok(outcome)
    }

    async fn revoke(&self, session: &Session, now: Timestamp) -> Result<(), Failure> {
        let life = std::time::Duration::from_secs(REVOKED_LIFE_SECS.unsigned_abs());
        Ok(self.revocations.revoke(&session.id, now.after(life)).await?)
    }
}

/// Whether the session may go on for the account as it is now.
pub(super) fn stands_by(customer: &Customer, session: &Session) -> bool {
    customer.person().is_ok_and(|person| person.stands_by(session.created_at))
}
