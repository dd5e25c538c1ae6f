//! Logging in with a password.

use std::time::Duration;

use lmall_domain::customer::{Customer, Email, PasswordHash};

use super::{Customers, Deed, Granted, Password, attempts::Attempt, row};
use crate::{
    Changeset, Refusal,
    failure::{Failure, Round, committed, rounds},
    row::Versioned,
};

/// Who wants in.
#[derive(Debug, Clone)]
pub struct LogIn {
    /// Who they say they are.
    pub email: Email,
    /// How they prove it.
    pub password: Password,
    /// Where on the network they are, as far as that is known.
    pub caller: Option<String>,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// No such account, another password, or an address that was never proved: one answer.
    #[error("address and password do not fit")]
    Refused,
    /// Too often: after so long again.
    #[error("too many attempts")]
    TooMany(Duration),
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Customers {
    /// Begins a session for who knows the password of the account under the address.
    ///
    /// # Errors
    /// [`LogInError`].
    pub async fn log_in(&self, wish: LogIn) -> Result<Granted, LogInError> {
        let name = wish.email.as_str();
        let attempts = Attempt::caller(wish.caller.as_deref()).into_iter();
        let attempts = attempts.chain([Attempt::password(name)]);
        self.attempt(attempts).await?.map_err(LogInError::TooMany)?;
        let (_, customer) = self.owner(&wish.email).await?;
        let kept = customer.as_ref().and_then(|row| password_of(&row.value)).cloned();
        let knows = self.passwords.matches(&wish.password, kept.as_ref()).await?;
        let may = |row: &Versioned<Customer>| row.value.person().is_ok_and(|p| p.may_sign_in());
        let Some(customer) = customer.filter(|row| knows && may(row)) else {
            return Err(LogInError::Refused);
        };
        let outdated = kept.is_some_and(|kept| self.passwords.is_outdated(&kept));
        let rehashed = match outdated {
            true => Some(self.passwords.hash(&wish.password, &*self.chance).await?),
            false => None,
        };
        self.begin(&customer, rehashed, Deed::LoggedIn).await?.ok_or(LogInError::Refused)
    }

    /// Begins a session for a customer who has just proved who they are; `None` when meanwhile
    /// the proof has become void.
    pub(super) async fn begin(
        &self,
        proved: &Versioned<Customer>,
        rehashed: Option<PasswordHash>,
        deed: Deed,
    ) -> Result<Option<Granted>, Failure> {
        let (id, password) = (&proved.value.id, password_of(&proved.value).cloned());
        self.make_room(id).await?;
        rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let Some(before) = self.load(id).await? else { return Ok(Round::Done(None)) };
            if before.value.person().is_err() || password_of(&before.value) != password.as_ref() {
                return Ok(Round::Done(None));
            }
            let after = before.value.clone().changed(|person| {
                person.password = rehashed.clone().or(person.password.take());
                Ok(())
            });
            let Ok(after) = after else { return Ok(Round::Done(None)) };
            let (session, token) = self.new_session(id, now);
            // Signed before it is stored: a session without a token would be of no use.
            let granted = self.granted(&session, &token, now)?;
            // The account is written, too, changed or not: it must be what was looked at.
            let changes = Changeset::new()
                .put(row::customer(&after), before.version)
                .insert(row::session(&session), Refusal::Stale)
                .insert(self.deed(id, deed, now), Refusal::Stale);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Some(granted)),
                Err(_) => Round::Again,
            })
        })
        .await
    }
}

/// What is kept of the password of an account, if it has one.
pub(super) fn password_of(customer: &Customer) -> Option<&PasswordHash> {
    customer.person().ok()?.password.as_ref()
}
