//! What the product service learns from orders: who bought what, and what with what.
//!
//! A confirmed order of several SKUs leaves one row for each of them, with the others in it; what
//! is bought together is counted from the newest of those rows when somebody asks. So an order is
//! one transaction of inserts, of at most [`ORDER_LINES_MAX`] times two rows, whatever is bought
//! with what: no counter is hot, no pair is left out, and what nobody buys any more is forgotten.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use lmall_domain::{
    CustomerId, OrderId, Sku,
    event::{Event, OrderConfirmed, Service, SkuQuantity},
    limits::{ORDER_LINES_MAX, TRANSACTION_WRITES_MAX},
};
use serde::{Deserialize, Serialize};

use super::{Catalogue, TABLE, leave::while_there, row as rows};
use crate::{
    Changeset, Refusal,
    consumer::{Consumer, HandleError, Incoming},
    failure::{Failure, Round, committed, rounds},
    ports::{Item, Query},
    row,
    topology::Queue,
};

/// For how long a basket says what is bought together.
const BASKET_DAYS: u64 = 90;

/// Baskets of one shard that are counted: 256 of all eight.
const BASKETS_READ: usize = 32;

// Beside a purchase and a basket for each line, an order has its dedupe row, and a customer.
const _: () = assert!(2 * ORDER_LINES_MAX + 2 < TRANSACTION_WRITES_MAX);

/// A SKU that is bought together with another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// Which.
    pub sku: Sku,
    /// In how many of the newest orders.
    pub orders: u64,
}

/// What was bought with a SKU.
#[derive(Serialize, Deserialize)]
struct Basket {
    skus: Vec<Sku>,
}

#[async_trait]
impl Consumer for Catalogue {
    fn queue(&self) -> Queue {
        Queue::Product
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        match &incoming.envelope.event {
            Event::OrderConfirmed(confirmed) => Ok(self.note_bought(&incoming, confirmed).await?),
            Event::CustomerErased(_) => Ok(self.erase(&incoming).await?),
            Event::CustomerMerged(merged) => Ok(self.merge(&incoming, &merged.into).await?),
            Event::OrderCreated(_)
            | Event::OrderCancelRequested(_)
            | Event::OrderCanceled(_)
            | Event::OrderRefundRequested(_)
            | Event::InventoryReserved(_)
            | Event::InventoryRejected(_)
            | Event::InventoryReleased(_)
            | Event::InventoryConfirmed(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentFailed(_)
            | Event::PaymentRefunded(_)
            | Event::ProductChanged(_)
            | Event::CustomerMailRequested(_) => Err(incoming.not_consumed_by(Service::Product)),
        }
    }
}

impl Catalogue {
    /// What is bought together with the SKU, most often first, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn bought_with(&self, sku: &Sku, limit: usize) -> Result<Vec<Together>, Failure> {
        let shards = (0..rows::BASKET_SHARDS).map(async |shard| {
            let query = Query {
                table: TABLE,
                partition: rows::basket_partition(sku, shard),
                prefix: String::new(),
                after: None,
                limit: BASKETS_READ,
                descending: true,
            };
            self.store.query(&query).await
        });
        let mut counts: BTreeMap<Sku, u64> = BTreeMap::new();
        for item in try_join_all(shards).await?.iter().flat_map(|page| &page.items) {
            for other in row::decode::<Basket>(item)?.value.skus {
                *counts.entry(other).or_default() += 1;
            }
        }
        let mut all: Vec<_> =
            counts.into_iter().map(|(sku, orders)| Together { sku, orders }).collect();
        // Stable: equals stay by SKU.
        all.sort_by_key(|together| std::cmp::Reverse(together.orders));
        all.truncate(limit);
        Ok(all)
    }

    /// Whether the customer has bought the SKU in an order that was confirmed.
    pub(super) async fn has_bought(
        &self,
        customer_id: &CustomerId,
        sku: &Sku,
    ) -> Result<bool, Failure> {
        Ok(!self.of_customer(customer_id, rows::bought_prefix(sku), 1).await?.is_empty())
    }

    async fn note_bought(
        &self,
        incoming: &Incoming,
        confirmed: &OrderConfirmed,
    ) -> Result<(), Failure> {
        let order_id = incoming.order_id()?;
        let Some(customer_id) = &confirmed.customer_id else {
            // Of old: it does not say.
            return incoming.note_handled(&*self.store, &*self.clock, TABLE).await;
        };
        let Some(first) = confirmed.lines.first() else {
            return incoming.note_handled(&*self.store, &*self.clock, TABLE).await;
        };
        rounds(&*self.clock, order_id.mixed(), async || {
            let handled = incoming.dedupe_row(TABLE, self.clock.now());
            let mut changes = Changeset::new().insert(handled, Refusal::AlreadyHandled);
            if let Some(owner) = self.now_of(customer_id).await? {
                let key = |sku| rows::bought_key(&owner, sku, order_id);
                // An order is noted once, whatever events say so.
                if self.store.get(&key(&first.sku)).await?.is_none() {
                    changes = while_there(changes, &owner);
                    for line in &confirmed.lines {
                        changes = changes.insert(row::plain(key(&line.sku), &()), Refusal::Stale);
                    }
                    changes = baskets(changes, incoming, order_id, &confirmed.lines);
                }
            }
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) | Err(Refusal::AlreadyHandled) => Round::Done(()),
                Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
            })
        })
        .await
    }

    pub(super) async fn of_customer(
        &self,
        customer_id: &CustomerId,
        prefix: String,
        limit: usize,
    ) -> Result<Vec<Item>, Failure> {
        let partition = rows::customer_partition(customer_id);
        let (after, descending) = (None, false);
        let query = Query { table: TABLE, partition, prefix, after, limit, descending };
        Ok(self.store.query(&query).await?.items)
    }
}

/// The same, with what was bought together.
fn baskets(
    mut changes: Changeset,
    incoming: &Incoming,
    order_id: OrderId,
    lines: &[SkuQuantity],
) -> Changeset {
    if lines.len() < 2 {
        return changes;
    }
    let at = incoming.envelope.occurred_at;
    for SkuQuantity { sku, .. } in lines {
        let others = lines.iter().map(|line| &line.sku).filter(|other| *other != sku);
        let basket = Basket { skus: others.cloned().collect() };
        let mut row = row::plain(rows::basket_key(sku, order_id, at), &basket);
        row.expires_at = Some(at.after(Duration::from_secs(BASKET_DAYS * 86_400)));
        changes = changes.insert(row, Refusal::Stale);
    }
    changes
}
