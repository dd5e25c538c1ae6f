//! One person, two accounts: one becomes part of the other.
//!
//! Who is signed in to one proves that the other is theirs, too. The sessions of the one that
//! goes end first, so that nobody orders under it any more; then one transaction makes it a
//! tombstone, gives its names to the other and tells the order service, which brings its orders
//! over. Repeated, it finds that it is done: the names lead to the account that stays.

use std::time::Duration;

use lmall_domain::{
    CustomerId,
    customer::{ClosedBy, Customer, Email, Person, Rejection, Standing},
};

use super::{
    Customers, Deed, Password, RefreshToken, attempts::Attempt, log_in::password_of,
    register::outbox, row, session::stands_by,
};
use crate::{
    Changeset, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
    ports::NewRow,
};

/// How somebody shows that an account is theirs.
#[derive(Clone)]
pub enum Proof {
    /// They know its password.
    Password(Email, Password),
    /// They have a session of it.
    Session(RefreshToken),
}

/// Why two accounts stay two.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There is no account to merge into.
    #[error("there is no such account")]
    Unknown,
    /// It does not show that the other account is theirs.
    #[error("it is not proved that the account is theirs")]
    NotProved,
    /// Too often: after so long again.
    #[error("too many attempts")]
    TooMany(Duration),
    /// The rule says no.
    #[error(transparent)]
    Rejected(Rejection),
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What a proof shows.
enum Shown {
    /// This account is theirs.
    Theirs(CustomerId),
    /// It became a part of the one that asks before.
    MergedBefore,
}

impl Customers {
    /// Makes the account that is proved a part of `into`; gives which one it was, unless it was
    /// done before.
    ///
    /// # Errors
    /// [`MergeError`].
    pub async fn merge(
        &self,
        into: &CustomerId,
        proof: &Proof,
        trace: &Trace,
    ) -> Result<Option<CustomerId>, MergeError> {
        let shown = match proof {
            Proof::Password(email, password) => {
                self.shown_by_password(into, email, password).await?
            }
            Proof::Session(token) => self.shown_by_session(into, token).await?,
        };
        let Shown::Theirs(from) = shown else { return Ok(None) };
        let merged =
            rounds(&*self.clock, self.salt(), async || self.merge_round(&from, into, trace).await);
        merged.await??;
        self.wipe(&from).await?;
        Ok(Some(from))
    }

    async fn shown_by_password(
        &self,
        into: &CustomerId,
        email: &Email,
        password: &Password,
    ) -> Result<Shown, MergeError> {
        let attempt = Attempt::password(email.as_str());
        self.attempt([attempt]).await?.map_err(MergeError::TooMany)?;
        let (_, customer) = self.owner(email).await?;
        let kept = customer.as_ref().and_then(|row| password_of(&row.value)).cloned();
        let knows = self.passwords.matches(password, kept.as_ref()).await?;
        let customer = customer.ok_or(MergeError::NotProved)?.value;
        let person = customer.person().map_err(|_| MergeError::NotProved)?;
        if customer.id == *into {
            // An address that came with a merged account.
            let is_first = person.emails.first() == Some(email);
            let refused = Err(MergeError::Rejected(Rejection::NotMergeable));
            return if is_first { refused } else { Ok(Shown::MergedBefore) };
        }
        if knows && person.may_sign_in() {
            Ok(Shown::Theirs(customer.id))
        } else {
            Err(MergeError::NotProved)
        }
    }

    async fn shown_by_session(
        &self,
        into: &CustomerId,
        token: &RefreshToken,
    ) -> Result<Shown, MergeError> {
        let (id, session_id) = token.names();
        let customer = self.load(id).await?.ok_or(MergeError::NotProved)?.value;
        if let Standing::Merged { into: other, .. } = &customer.standing
            && other == into
        {
            // What was left to do then.
            self.wipe(id).await?;
            return Ok(Shown::MergedBefore);
        }
        let session = self.session(id, session_id).await?.ok_or(MergeError::NotProved)?.value;
        let (family, own) = token.kept();
        let is_current = session.family == family && session.current == own;
        // One that a merger has ended, which then broke off, proves as much when it is repeated.
        let is_open = matches!(session.closed, None | Some(ClosedBy::Gone));
        let is_good = is_current && is_open && self.now() < session.expires_at();
        if is_good && stands_by(&customer, &session) {
            Ok(Shown::Theirs(customer.id))
        } else {
            Err(MergeError::NotProved)
        }
    }

    async fn merge_round(
        &self,
        from: &CustomerId,
        into: &CustomerId,
        trace: &Trace,
    ) -> Result<Round<Result<(), MergeError>>, Failure> {
        let done = |error| Ok(Round::Done(Err(error)));
        let (Some(goes), Some(stays)) = (self.load(from).await?, self.load(into).await?) else {
            return done(MergeError::Unknown);
        };
        if matches!(&goes.value.standing, Standing::Merged { into: other, .. } if other == into) {
            return Ok(Round::Done(Ok(())));
        }
        let (now, versions) = (self.now(), (goes.version, stays.version));
        let Ok(person) = goes.value.person().cloned() else { return done(MergeError::NotProved) };
        let (goes, stays, event) = match goes.value.merged(stays.value, now) {
            Ok(merged) => merged,
            Err(Rejection::Gone) => return done(MergeError::Unknown),
            Err(rejection) => return done(MergeError::Rejected(rejection)),
        };
        // Whoever logs in meanwhile changes the account, and it is looked at again.
        self.end_all(from, ClosedBy::Gone).await?;
        let mut changes = Changeset::new()
            .put(row::customer(&goes), versions.0)
            .put(row::customer(&stays), versions.1)
            .insert(self.deed(into, Deed::AccountMerged, now), Refusal::Stale);
        for name in names(&person, &stays) {
            let version = self.store.get(&name.key).await?.map_or(0, |item| item.version);
            changes = changes.put(name, version);
        }
        let outbox = outbox(&goes, event, now, trace);
        Ok(match committed(self.store.commit(changes.event(Some(outbox))).await)? {
            Ok(()) => Round::Done(Ok(())),
            Err(_) => Round::Again,
        })
    }
}

/// The rows that lead from the names of somebody to their account from now on.
fn names(person: &Person, owner: &Customer) -> Vec<NewRow> {
    let emails = person.emails.iter().map(|email| row::email(email, owner));
    let identities = person.identities.iter().map(|identity| row::identity(identity, &owner.id));
    emails.chain(identities).collect()
}
