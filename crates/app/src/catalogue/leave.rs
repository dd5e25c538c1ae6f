//! Customers who have gone, or who have become somebody else.

use lmall_domain::{CustomerId, catalogue::Review, limits::TRANSACTION_WRITES_MAX};
use serde::{Deserialize, Serialize};

use super::{Catalogue, TABLE, row as rows};
use crate::{
    Changeset, Refusal, Write,
    consumer::Incoming,
    failure::{Failure, Round, committed, rounds},
    ports::Key,
    row,
};

/// Reviews that one transaction removes, with their counts, or hands over.
const REVIEWS_AT_ONCE: usize = 40;

/// Purchases that one transaction forgets, or hands over.
const PURCHASES_AT_ONCE: usize = 45;

// Beside that who takes it over is still there.
const _: () = assert!(2 * REVIEWS_AT_ONCE + 1 < TRANSACTION_WRITES_MAX);
const _: () = assert!(2 * PURCHASES_AT_ONCE + 1 < TRANSACTION_WRITES_MAX);

/// Mergers that lead from one account to the next: more is no chain that people make.
const MERGERS_MAX: usize = 16;

/// What became of a customer of whom nothing is kept any more.
#[derive(Serialize, Deserialize)]
struct Gone {
    /// Who they are now; nobody after an erasure.
    into: Option<CustomerId>,
}

/// The same, unless the customer leaves meanwhile: then it is stale.
pub(super) fn while_there(changes: Changeset, customer_id: &CustomerId) -> Changeset {
    changes.with(Write::Absent(rows::gone_key(customer_id)), Refusal::Stale)
}

impl Catalogue {
    /// Who the customer is now; nobody if nothing of them is to be kept.
    pub(super) async fn now_of(
        &self,
        customer_id: &CustomerId,
    ) -> Result<Option<CustomerId>, Failure> {
        let mut now = customer_id.clone();
        for _ in 0..MERGERS_MAX {
            let Some(item) = self.store.get(&rows::gone_key(&now)).await? else {
                return Ok(Some(now));
            };
            // A row of old says nothing: the customer was erased.
            match row::decode::<Option<Gone>>(&item)?.value.and_then(|gone| gone.into) {
                Some(into) => now = into,
                None => return Ok(None),
            }
        }
        Err(Failure::Never(format!("the mergers of {customer_id} have no end")))
    }

    /// Forgets a customer: reviews go, texts and stars, for a text may name its author; what was
    /// bought goes. Baskets never said whose they were. Each step may be repeated.
    pub(super) async fn erase(&self, incoming: &Incoming) -> Result<(), Failure> {
        self.leave(incoming, Gone { into: None }).await
    }

    /// Hands what a customer bought and wrote over to the account that theirs is part of now.
    /// Where both have reviewed a product, the review of that account stays.
    pub(super) async fn merge(
        &self,
        incoming: &Incoming,
        into: &CustomerId,
    ) -> Result<(), Failure> {
        self.leave(incoming, Gone { into: Some(into.clone()) }).await
    }

    async fn leave(&self, incoming: &Incoming, gone: Gone) -> Result<(), Failure> {
        let customer_id = incoming.customer()?;
        let salt = incoming.envelope.aggregate_id.mixed();
        // First, so that nothing is added behind our back.
        rounds(&*self.clock, salt, async || {
            let row = row::plain(rows::gone_key(customer_id), &gone);
            let changes = Changeset::new().insert(row, Refusal::AlreadyHandled);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) | Err(Refusal::AlreadyHandled) => Round::Done(()),
                Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
            })
        })
        .await?;
        while rounds(&*self.clock, salt, || self.move_out(customer_id)).await? {}
        incoming.note_handled(&*self.store, &*self.clock, TABLE).await
    }

    /// Forgets some of it, or hands it over; whether there was something.
    async fn move_out(&self, customer_id: &CustomerId) -> Result<Round<bool>, Failure> {
        let to = self.now_of(customer_id).await?;
        let mut changes = self.reviews_moved(customer_id, to.as_ref()).await?;
        if changes.is_empty() {
            changes = self.purchases_moved(customer_id, to.as_ref()).await?;
        }
        if changes.is_empty() {
            return Ok(Round::Done(false));
        }
        if let Some(to) = &to {
            changes = while_there(changes, to);
        }
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(true),
            Err(_) => Round::Again,
        })
    }

    async fn reviews_moved(
        &self,
        from: &CustomerId,
        to: Option<&CustomerId>,
    ) -> Result<Changeset, Failure> {
        let mut changes = Changeset::new();
        let prefix = rows::REVIEW_PREFIX.to_owned();
        for item in self.of_customer(from, prefix, REVIEWS_AT_ONCE).await? {
            let review = row::decode::<Review>(&item)?.value;
            changes = changes.with(Write::Delete(item.key, item.version), Refusal::Stale);
            let theirs = to.map(|to| Review { customer_id: to.clone(), ..review.clone() });
            match theirs {
                Some(theirs)
                    if !self.has(&rows::review_key(&theirs.customer_id, &theirs.sku)).await? =>
                {
                    changes = changes.insert(rows::review(&theirs), Refusal::Stale);
                }
                Some(_) | None => {
                    let stars = vec![(review.rating.counter(), -1)];
                    let adjust = Write::Adjust(rows::stars_key(&review.sku), stars);
                    changes = changes.with(adjust, Refusal::Stale);
                }
            }
        }
        Ok(changes)
    }

    async fn purchases_moved(
        &self,
        from: &CustomerId,
        to: Option<&CustomerId>,
    ) -> Result<Changeset, Failure> {
        let mut changes = Changeset::new();
        let prefix = rows::BOUGHT_PREFIX.to_owned();
        for item in self.of_customer(from, prefix, PURCHASES_AT_ONCE).await? {
            if let Some(to) = to {
                let theirs = rows::same_of(&item.key, to);
                if !self.has(&theirs).await? {
                    changes = changes.insert(row::plain(theirs, &()), Refusal::Stale);
                }
            }
            changes = changes.with(Write::Delete(item.key, item.version), Refusal::Stale);
        }
        Ok(changes)
    }

    async fn has(&self, key: &Key) -> Result<bool, Failure> {
        Ok(self.store.get(key).await?.is_some())
    }
}
