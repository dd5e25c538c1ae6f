//! Registration.
//!
//! Whoever registers is answered alike, whether there is an account under the address or not;
//! the mail that follows tells its reader. What is done for both is alike too: a hash, the same
//! reads, one transaction.

use std::time::Duration;

use lmall_domain::{
    CustomerId, Timestamp,
    customer::{Customer, Email, MailKind, Person},
    event::Event,
};

use super::{
    Customers, Deed, Password,
    attempts::Attempt,
    row::{self, Owner},
};
use crate::{
    Changeset, OutboxRow, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
    row::{Versioned, decode},
};

/// A wish to have an account.
#[derive(Debug, Clone)]
pub struct Register {
    /// Where mail reaches them.
    pub email: Email,
    /// How they want to get in.
    pub password: Password,
    /// What they are called.
    pub name: Option<String>,
    /// Where on the network they are, as far as that is known.
    pub caller: Option<String>,
    /// The request.
    pub trace: Trace,
}

/// Why nothing was done. Nothing of it depends on whether there is an account.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Too often from there: after so long again.
    #[error("too many attempts")]
    TooMany(Duration),
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Customers {
    /// Takes the wish: a mail is on its way once this returns.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub async fn register(&self, wish: Register) -> Result<(), RegisterError> {
        let caller = Attempt::caller(wish.caller.as_deref());
        self.attempt(caller).await?.map_err(RegisterError::TooMany)?;
        let may_be_mailed = self.attempt([Attempt::mail(wish.email.as_str())]).await?.is_ok();
        let password = self.passwords.hash(&wish.password, &*self.chance).await?;
        // Who is sent many mails already is not sent more; the answer does not say so.
        if !may_be_mailed {
            return Ok(());
        }
        let id = self.new_id();
        Ok(rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let (owner, before) = self.owner(&wish.email).await?;
            let owned = owner.as_ref().map_or(0, |owner| owner.version);
            let (password, name) = (password.clone(), wish.name.clone());
            let again = before.as_ref().map(|before| {
                before.value.clone().registered_again(password.clone(), name.clone(), now)
            });
            let (customer, event, version) = match (again, &before) {
                (Some(Ok((customer, event))), Some(before)) => (customer, event, before.version),
                (Some(_) | None, _) => {
                    let mut person = Person::new(wish.email.clone(), name);
                    person.password = Some(password);
                    let customer = Customer::new(id.clone(), person, now);
                    let (customer, event) = mailed(customer, now)?;
                    (customer, event, 0)
                }
            };
            let mut changes = Changeset::new()
                .put(row::email(&wish.email, &customer), owned)
                .put(row::customer(&customer), version);
            if version == 0 {
                let deed = self.deed(&customer.id, Deed::Registered, now);
                changes = changes.insert(deed, Refusal::Stale);
            }
            let changes = changes.event(Some(outbox(&customer, event, now, &wish.trace)));
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await?)
    }

    /// An id that was never given: 128 bits of chance.
    pub(super) fn new_id(&self) -> CustomerId {
        let id = format!("cus_{}", hex::encode(self.chance.bytes::<16>()));
        id.parse().expect("hexadecimal digits are an id")
    }

    /// Whose the address is, and their account, if there is one.
    ///
    /// As much is read for an address that nobody has.
    pub(super) async fn owner(
        &self,
        email: &Email,
    ) -> Result<(Option<Versioned<Owner>>, Option<Versioned<Customer>>), Failure> {
        let owner = self.store.get(&row::email_key(email)).await?;
        let owner: Option<Versioned<Owner>> = owner.as_ref().map(decode).transpose()?;
        let id =
            owner.as_ref().map_or_else(|| self.new_id(), |owner| owner.value.customer_id.clone());
        let customer = self.load(&id).await?;
        // The rows of an account that lapsed go one by one.
        let is_theirs = |customer: &Versioned<Customer>| {
            customer.value.person().is_ok_and(|person| person.emails.contains(email))
        };
        Ok((owner, customer.filter(is_theirs)))
    }
}

/// The customer who is sent a mail to prove the address.
fn mailed(customer: Customer, now: Timestamp) -> Result<(Customer, Event), Failure> {
    let mailed = customer.mailed(MailKind::VerifyEmail, now);
    mailed.map_err(|error| Failure::Never(error.to_string()))
}

/// The event that the customer's row counts as its last one.
pub(super) fn outbox(
    customer: &Customer,
    event: Event,
    now: Timestamp,
    trace: &Trace,
) -> OutboxRow {
    OutboxRow::new(customer.id.clone(), customer.events, event, now, trace.clone())
}
