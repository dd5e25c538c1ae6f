//! Erasure: nothing personal is left, and what the shop must keep stays valid.
//!
//! One transaction makes the account a tombstone, frees its names and tells the others. After it
//! the sessions are ended and the rows beside the account go, page by page; until they are gone
//! the account stands in an index, so that a crash leaves nothing behind that nobody looks for.

use async_trait::async_trait;
use lmall_domain::{
    CustomerId,
    customer::{ClosedBy, Customer},
};
use serde_json::Value;

use super::{Customers, TABLE, profile::ChangeError, register::outbox, row};
use crate::{
    Changeset, Refusal, Trace, Write,
    failure::{Failure, Round, committed, rounds},
    pages::Pages,
    ports::{Index, Item, Key, Query},
    row::decode_or_skip,
};

/// Rows deleted in one transaction.
const WIPED_AT_ONCE: usize = 50;

/// An order, as far as the user service looks at it.
#[derive(Debug, Clone)]
pub struct OrderOf {
    /// Whether it still has to reach CONFIRMED or CANCELED.
    pub is_open: bool,
    /// As its customer sees it.
    pub document: Value,
}

/// What the order service knows of a customer.
#[async_trait]
pub trait OrdersOf: Send + Sync {
    /// Orders of the customer, newest first, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the order service does not answer.
    async fn page(
        &self,
        customer: &CustomerId,
        after: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure>;
}

/// What a wish to be forgotten came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EraseOutcome {
    /// Nothing personal is left, now or since before.
    Erased,
    /// Not while so many orders have to end.
    OpenOrders(usize),
}

impl Customers {
    /// Erases the account, unless orders of it are open. Repeated, it goes on where it was.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`] when there never was one; when it may not be done yet.
    pub async fn erase(&self, id: &CustomerId, trace: &Trace) -> Result<EraseOutcome, ChangeError> {
        let customer = self.load(id).await?.ok_or(ChangeError::Unknown)?.value;
        if customer.person().is_ok() {
            let open = self.orders_of(id).await?.iter().filter(|order| order.is_open).count();
            if open > 0 {
                return Ok(EraseOutcome::OpenOrders(open));
            }
            self.make_tombstone(id, trace).await?;
        }
        self.wipe(id).await?;
        Ok(EraseOutcome::Erased)
    }

    /// Goes on with every account that is gone and has left rows. Gives how many.
    ///
    /// # Errors
    /// When the store does not answer; the next run goes on.
    pub async fn finish_leaving(&self) -> Result<usize, Failure> {
        let mut gone = Vec::new();
        let mut pages = Pages::new(&*self.store, TABLE, Index::Leaving, None);
        while let Some(items) = pages.next().await? {
            gone.extend(items.iter().filter_map(decode_or_skip::<Customer>));
        }
        for customer in &gone {
            self.wipe(&customer.id).await?;
        }
        Ok(gone.len())
    }

    /// Every order of the customer.
    pub(super) async fn orders_of(&self, id: &CustomerId) -> Result<Vec<OrderOf>, Failure> {
        let (mut orders, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.orders.page(id, after).await?;
            orders.extend(page);
            after = next;
            if after.is_none() {
                return Ok(orders);
            }
        }
    }

    async fn make_tombstone(&self, id: &CustomerId, trace: &Trace) -> Result<(), Failure> {
        rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let Some(before) = self.load(id).await? else { return Ok(Round::Done(())) };
            let Ok(person) = before.value.person().cloned() else { return Ok(Round::Done(())) };
            let Ok((after, event)) = before.value.erased(now) else { return Ok(Round::Done(())) };
            let outbox = outbox(&after, event, now, trace);
            let changes = Changeset::new().put(row::customer(&after), before.version);
            let emails = person.emails.iter().map(row::email_key);
            let names = emails.chain(person.identities.iter().map(row::identity_key));
            let changes = self.without_names(changes, id, names).await?;
            Ok(match committed(self.store.commit(changes.event(Some(outbox))).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await
    }

    /// Frees addresses and identities, as far as they are still this customer's.
    pub(super) async fn without_names(
        &self,
        mut changes: Changeset,
        customer: &CustomerId,
        names: impl Iterator<Item = Key>,
    ) -> Result<Changeset, Failure> {
        for key in names {
            let Some(item) = self.store.get(&key).await? else { continue };
            let owner = crate::row::decode::<row::Owner>(&item)?;
            if owner.value.customer_id == *customer {
                changes = changes.with(Write::Delete(key, owner.version), Refusal::Stale);
            }
        }
        Ok(changes)
    }

    /// Ends the sessions of an account that is gone, and deletes the rows beside it.
    pub(super) async fn wipe(&self, id: &CustomerId) -> Result<(), Failure> {
        let Some(customer) = self.load(id).await? else { return Ok(()) };
        if !customer.value.is_to_be_wiped() {
            return Ok(());
        }
        self.end_all(id, ClosedBy::Gone).await?;
        for prefix in [row::SESSION_PREFIX, row::ACTIVITY_PREFIX] {
            while self.wipe_page(id, prefix).await? {}
        }
        let changes = row::customer(&customer.value.wiped());
        match committed(self.store.commit(Changeset::new().put(changes, customer.version)).await)? {
            // Somebody else was faster, or nobody knows: the next run looks again.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Deletes some rows; whether there may be more.
    async fn wipe_page(&self, id: &CustomerId, prefix: &str) -> Result<bool, Failure> {
        let query = Query {
            table: TABLE,
            partition: row::of(id),
            prefix: prefix.to_owned(),
            after: None,
            limit: WIPED_AT_ONCE,
            descending: false,
        };
        let page = self.store.query(&query).await?;
        let delete = |changes: Changeset, item: &Item| {
            changes.with(Write::Delete(item.key.clone(), item.version), Refusal::Stale)
        };
        let changes = page.items.iter().fold(Changeset::new(), delete);
        if changes.is_empty() {
            return Ok(false);
        }
        match committed(self.store.commit(changes).await)? {
            Ok(()) => Ok(true),
            Err(_) => Err(Failure::NotYet("rows of a customer who leaves are being changed")),
        }
    }
}
