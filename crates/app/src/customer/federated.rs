//! Who comes from an identity provider.
//!
//! A provider's word that somebody has an address is not enough to let them into an account that
//! is there: whoever made it may never have proved the address, and waits for its owner to come
//! (account pre-hijacking). So an account is linked only when both sides have proved it.

use lmall_domain::{
    customer::{Customer, Email, Identity, Person, Rejection},
    limits,
};

use super::{
    Customers, Deed, Granted,
    row::{self, Owner},
};
use crate::{
    Changeset, Refusal,
    failure::{Failure, Round, committed, rounds},
    row::{Versioned, decode},
};

/// Somebody whom a provider vouches for.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Who they are there.
    pub identity: Identity,
    /// Where mail reaches them, when the provider says that it has proved it.
    pub verified_email: Option<Email>,
    /// What they are called there.
    pub name: Option<String>,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum FederatedError {
    /// The provider has not proved an address: there is nothing to make an account with.
    #[error("the provider does not vouch for an address")]
    NoAddress,
    /// It could not be carried out; logging in again may work.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What a stranger is to us.
enum Known {
    /// This customer, for long or from now on.
    As(Versioned<Customer>),
    /// Nobody, and there is nothing to make an account with.
    NotWithoutAddress,
}

impl Customers {
    /// Begins a session for who comes from a provider: of the account that is linked to them, or
    /// of one under the same address that was proved here too, which is linked now, or of a new
    /// one. An account whose address was never proved here gives way to its owner.
    ///
    /// # Errors
    /// [`FederatedError`].
    pub async fn log_in_from(&self, stranger: &Stranger) -> Result<Granted, FederatedError> {
        let known = rounds(&*self.clock, self.salt(), async || self.known(stranger).await).await?;
        let Known::As(customer) = known else { return Err(FederatedError::NoAddress) };
        let granted = self.begin(&customer, None, Deed::LoggedInElsewhere).await?;
        granted.ok_or_else(|| Failure::NotYet("the account is being changed").into())
    }

    async fn known(&self, stranger: &Stranger) -> Result<Round<Known>, Failure> {
        let key = row::identity_key(&stranger.identity);
        let link = self.store.get(&key).await?;
        let link: Option<Versioned<Owner>> = link.as_ref().map(decode).transpose()?;
        if let Some(link) = &link
            && let Some(customer) = self.load(&link.value.customer_id).await?
            && customer.value.person().is_ok_and(|p| p.identities.contains(&stranger.identity))
        {
            return Ok(Round::Done(Known::As(customer)));
        }
        let Some(email) = &stranger.verified_email else {
            return Ok(Round::Done(Known::NotWithoutAddress));
        };
        let (owner, before) = self.owner(email).await?;
        let now = self.now();
        let proved =
            before.filter(|row| row.value.person().is_ok_and(|person| person.may_sign_in()));
        let (customer, version) = match proved {
            Some(before) => match linked(before.value, &stranger.identity) {
                Ok(customer) => (customer, before.version),
                // As many as there may be: they log in as they did before.
                Err(_) => return Ok(Round::Done(Known::NotWithoutAddress)),
            },
            None => {
                let mut person = Person::new(email.clone(), stranger.name.clone());
                person.identities.push(stranger.identity.clone());
                person.verified_at = Some(now);
                (Customer::new(self.new_id(), person, now), 0)
            }
        };
        let deed = if version == 0 { Deed::Registered } else { Deed::IdentityLinked };
        let changes = Changeset::new()
            .put(
                row::identity(&stranger.identity, &customer.id),
                link.map_or(0, |link| link.version),
            )
            .put(row::email(email, &customer), owner.map_or(0, |owner| owner.version))
            .put(row::customer(&customer), version)
            .insert(self.deed(&customer.id, deed, now), Refusal::Stale);
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(Known::As(Versioned { value: customer, version: version + 1 })),
            Err(_) => Round::Again,
        })
    }
}

fn linked(customer: Customer, identity: &Identity) -> Result<Customer, Rejection> {
    customer.changed(|person| {
        if person.identities.len() >= limits::NAMES_MAX {
            return Err(Rejection::TooMany);
        }
        person.identities.push(identity.clone());
        Ok(())
    })
}
