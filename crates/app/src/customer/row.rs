//! How customers become rows. The key of each is in the table of [`crate::row`].

use lmall_domain::{
    AggregateId, CustomerId, Timestamp,
    customer::{Customer, Email, Identity, Session, Standing, VERIFY_LIFE},
    id::SessionId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Activity, TABLE};
use crate::{
    ports::{Index, IndexEntry, Key, NewRow},
    row::{SHARDS, partition, plain},
};

/// Whose an address or an identity is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) customer_id: CustomerId,
}

/// What the sort keys of sessions begin with.
pub(super) const SESSION_PREFIX: &str = "session#";

/// What the sort keys of activities begin with.
pub(super) const ACTIVITY_PREFIX: &str = "activity#";

/// The partition of a customer.
pub(super) fn of(id: &CustomerId) -> String {
    partition(&id.clone().into())
}

pub(super) fn customer_key(id: &CustomerId) -> Key {
    Key::new(TABLE, of(id), "customer")
}

/// Until when it is kept: an account whose address was never proved to be theirs lapses.
fn lapses_at(customer: &Customer) -> Option<Timestamp> {
    let person = customer.person().ok().filter(|person| !person.may_sign_in())?;
    let awaited = person.challenges.iter().map(|challenge| challenge.expires_at).max();
    Some(awaited.unwrap_or_else(|| customer.created_at.after(VERIFY_LIFE)))
}

/// A customer, in the index of those who leave while there are rows beside it.
pub(super) fn customer(customer: &Customer) -> NewRow {
    let mut row = plain(customer_key(&customer.id), customer);
    row.expires_at = lapses_at(customer);
    let at = match &customer.standing {
        Standing::Present(_) => return row,
        Standing::Merged { at, .. } | Standing::Erased { at, .. } => *at,
    };
    if customer.is_to_be_wiped() {
        row.indexes.push(IndexEntry {
            index: Index::Leaving,
            partition: AggregateId::from(customer.id.clone()).slot(SHARDS).to_string(),
            sort: format!("{:015}#{}", at.as_millis(), customer.id),
        });
    }
    row
}

pub(super) fn email_key(email: &Email) -> Key {
    Key::new(TABLE, format!("email#{}", email.as_str()), "email")
}

/// That the address is this customer's, for as long as they are one.
pub(super) fn email(email: &Email, customer: &Customer) -> NewRow {
    let owner = Owner { customer_id: customer.id.clone() };
    let mut row = plain(email_key(email), &owner);
    row.expires_at = lapses_at(customer);
    row
}

pub(super) fn identity_key(identity: &Identity) -> Key {
    // A subject is any text of up to 255 characters; a hash of it has a form of its own.
    let subject = hex::encode(Sha256::digest(&identity.subject));
    Key::new(TABLE, format!("identity#{}#{subject}", identity.provider), "identity")
}

pub(super) fn identity(identity: &Identity, owner: &CustomerId) -> NewRow {
    plain(identity_key(identity), &Owner { customer_id: owner.clone() })
}

pub(super) fn session_key(customer: &CustomerId, id: &SessionId) -> Key {
    Key::new(TABLE, of(customer), format!("{SESSION_PREFIX}{id}"))
}

pub(super) fn session(session: &Session) -> NewRow {
    let mut row = plain(session_key(&session.customer_id, &session.id), session);
    row.expires_at = Some(session.expires_at());
    row
}

pub(super) fn activity(customer: &CustomerId, activity: &Activity, salt: u64) -> NewRow {
    let sort = format!("{ACTIVITY_PREFIX}{:015}#{salt:016x}", activity.at.as_millis());
    let mut row = plain(Key::new(TABLE, of(customer), sort), activity);
    row.expires_at = Some(activity.at.after(super::activity::RETENTION));
    row
}

/// What is counted about a name of this kind. Only its hash is kept: it may be an address.
pub(super) fn attempts_key(kind: &str, name: &str) -> Key {
    Key::new(TABLE, format!("attempts#{kind}#{}", hex::encode(Sha256::digest(name))), "attempts")
}

pub(super) fn revocation_key(session: &SessionId) -> Key {
    Key::new(TABLE, format!("revoked#{session}"), "revoked")
}
