//! What customers see and change of their account.

use std::time::Duration;

use lmall_domain::{
    CustomerId, Timestamp,
    customer::{ClosedBy, Customer, Person, Rejection},
};

use super::{Customers, Deed, Password, attempts::Attempt, log_in::password_of, row};
use crate::{
    Changeset, Refusal,
    failure::{Failure, Round, committed, rounds},
    row::Versioned,
};

/// An account as its owner sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its id.
    pub id: CustomerId,
    /// Who they are.
    pub person: Person,
    /// Since when.
    pub created_at: Timestamp,
}

/// Why an account stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such account, or it is gone.
    #[error("there is no such account")]
    Unknown,
    /// The rule says no.
    #[error(transparent)]
    Rejected(Rejection),
    /// The password is another one.
    #[error("the password does not fit")]
    WrongPassword,
    /// Too often: after so long again.
    #[error("too many attempts")]
    TooMany(Duration),
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<Rejection> for ChangeError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Gone => Self::Unknown,
            Rejection::NotAwaited
            | Rejection::TooMany
            | Rejection::Unchanged
            | Rejection::NotMergeable => Self::Rejected(rejection),
        }
    }
}

impl Customers {
    /// The account, unless it is gone.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`], or when the store does not answer.
    pub async fn see(&self, id: &CustomerId) -> Result<Seen, ChangeError> {
        let customer = self.load(id).await?.ok_or(ChangeError::Unknown)?.value;
        seen(&customer)
    }

    /// Changes the account as the rule `change` says; it as it is then.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change(
        &self,
        id: &CustomerId,
        change: impl Fn(Customer) -> Result<Customer, Rejection>,
    ) -> Result<Seen, ChangeError> {
        self.change_with(id, None, change).await
    }

    /// Sets another password for who knows the old one; every session ends.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change_password(
        &self,
        id: &CustomerId,
        old: &Password,
        new: &Password,
    ) -> Result<(), ChangeError> {
        let before = self.prove(id, old).await?;
        let kept = password_of(&before.value).cloned();
        let hash = self.passwords.hash(new, &*self.chance).await?;
        self.change_with(id, Some(Deed::PasswordChanged), |customer| {
            // What was proved must still be so.
            if password_of(&customer) != kept.as_ref() {
                return Err(Rejection::Gone);
            }
            customer.with_password(hash.clone(), self.now())
        })
        .await?;
        Ok(self.end_all(id, ClosedBy::Password).await?)
    }

    /// Ends every session of the customer.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn log_out_everywhere(&self, id: &CustomerId) -> Result<(), ChangeError> {
        let deed = Some(Deed::LoggedOutEverywhere);
        self.change_with(id, deed, |customer| customer.logged_out(self.now())).await?;
        Ok(self.end_all(id, ClosedBy::LogOut).await?)
    }

    /// The account, when this is its password.
    pub(super) async fn prove(
        &self,
        id: &CustomerId,
        password: &Password,
    ) -> Result<Versioned<Customer>, ChangeError> {
        let attempt = Attempt::password(id.as_str());
        self.attempt([attempt]).await?.map_err(ChangeError::TooMany)?;
        let customer = self.load(id).await?;
        let kept = customer.as_ref().and_then(|row| password_of(&row.value)).cloned();
        let knows = self.passwords.matches(password, kept.as_ref()).await?;
        let customer = customer.ok_or(ChangeError::Unknown)?;
        if knows { Ok(customer) } else { Err(ChangeError::WrongPassword) }
    }

    async fn change_with(
        &self,
        id: &CustomerId,
        deed: Option<Deed>,
        change: impl Fn(Customer) -> Result<Customer, Rejection>,
    ) -> Result<Seen, ChangeError> {
        rounds(&*self.clock, self.salt(), async || {
            let Some(before) = self.load(id).await? else {
                return Ok(Round::Done(Err(ChangeError::Unknown)));
            };
            let after = match change(before.value.clone()) {
                Ok(after) => after,
                Err(rejection) => return Ok(Round::Done(Err(rejection.into()))),
            };
            if after == before.value && deed.is_none() {
                return Ok(Round::Done(seen(&after)));
            }
            let mut changes = Changeset::new().put(row::customer(&after), before.version);
            if let Some(deed) = deed {
                changes = changes.insert(self.deed(id, deed, self.now()), Refusal::Stale);
            }
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(seen(&after)),
                Err(_) => Round::Again,
            })
        })
        .await?
    }
}

fn seen(customer: &Customer) -> Result<Seen, ChangeError> {
    let person = customer.person()?.clone();
    Ok(Seen { id: customer.id.clone(), person, created_at: customer.created_at })
}
