//! Reading orders.

use std::time::Duration;

use lmall_domain::{
    CustomerId, EventId, OrderId, Timestamp,
    event::EventType,
    order::{Order, Status, Stock},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Orders, TABLE};
use crate::{
    OutboxRow,
    consumer::{Incoming, Kept, Place},
    failure::Failure,
    pages::Pages,
    ports::{Index, IndexQuery, Item, Page, Query, Store},
    row::{self, Versioned},
};

/// Counts of ended orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// CONFIRMED.
    pub confirmed: i64,
    /// CANCELED.
    pub canceled: i64,
}

/// An event of an order's audit trail.
#[derive(Debug, Clone)]
pub struct TrailEntry {
    /// The event.
    pub event_id: EventId,
    /// Its kind.
    pub event_type: EventType,
    /// When the order service wrote it or took it in.
    pub recorded_at: Timestamp,
    /// The envelope, as JSON.
    pub envelope: Box<RawValue>,
}

/// Rows read in one query.
const PAGE: usize = 256;

impl Orders {
    /// Orders of a customer, newest first, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn of_customer(
        &self,
        customer_id: &CustomerId,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Versioned<Order>>, Option<String>), Failure> {
        let query = IndexQuery {
            table: TABLE,
            index: Index::ByCustomer,
            partition: customer_id.to_string(),
            after,
            until: None,
            limit,
            descending: true,
        };
        let Page { items, next } = self.store.query_index(&query).await?;
        Ok((items.iter().map(row::decode).collect::<Result<_, _>>()?, next))
    }

    /// Waits until the order's stock is held or refused, or the order has moved on, for at most
    /// `wait`; gives the order as it is then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn wait_for_stock(
        &self,
        order: Versioned<Order>,
        wait: Duration,
    ) -> Result<Versioned<Order>, Failure> {
        let answered =
            |order: &Order| order.stock != Stock::Pending || order.status != Status::Pending;
        self.wait_until(order, wait, answered).await
    }

    /// Waits until the order has another status, for at most `wait`; gives it as it is then. An
    /// order that has ended is not waited for.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn wait_for_status(
        &self,
        order: Versioned<Order>,
        wait: Duration,
    ) -> Result<Versioned<Order>, Failure> {
        let before = order.value.status;
        self.wait_until(order, wait, |order| order.status != before || !before.is_open()).await
    }

    async fn wait_until(
        &self,
        mut order: Versioned<Order>,
        wait: Duration,
        reached: impl Fn(&Order) -> bool + Send,
    ) -> Result<Versioned<Order>, Failure> {
        let deadline = self.clock.monotonic() + wait;
        while !reached(&order.value) {
            let left = deadline.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                break;
            }
            let key = row::order_key(order.value.id);
            let going_on = self.watch.changed(&key, order.version, left).await;
            if let Some(changed) = self.load(order.value.id).await? {
                order = changed;
            }
            if !going_on {
                break;
            }
        }
        Ok(order)
    }

    /// Every event that the order service wrote or took in for the order, in that order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn trail(&self, id: OrderId) -> Result<Vec<TrailEntry>, Failure> {
        let mut entries = Vec::new();
        for prefix in [OutboxRow::SORT_PREFIX, Incoming::SORT_PREFIX] {
            let mut after = None;
            loop {
                let query = Query {
                    table: TABLE,
                    partition: id.to_string(),
                    prefix: prefix.to_owned(),
                    after,
                    limit: PAGE,
                    descending: false,
                };
                let page = self.store.query(&query).await?;
                for item in &page.items {
                    entries.extend(entry(item, prefix == OutboxRow::SORT_PREFIX)?);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        entries.sort_by_key(|(place, entry)| (*place, entry.recorded_at));
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(entries)
    }
}

/// How many orders have each status: open ones counted, ended ones from the tally.
///
/// # Errors
/// When the store does not answer.
pub async fn count_by_status(store: &dyn Store) -> Result<Vec<(Status, i64)>, Failure> {
    let mut counts: Vec<(Status, i64)> = Status::ALL.iter().map(|s| (*s, 0)).collect();
    let mut add = |status: Status, units: i64| {
        counts.iter_mut().filter(|(other, _)| *other == status).for_each(|(_, n)| *n += units);
    };
    let mut pages = Pages::new(store, TABLE, Index::Open, None);
    while let Some(items) = pages.next().await? {
        for item in &items {
            add(row::decode::<Order>(item)?.value.status, 1);
        }
    }
    for item in super::tallies(store).await? {
        let tally = row::decode::<Tally>(&item)?.value;
        add(Status::Confirmed, tally.confirmed);
        add(Status::Canceled, tally.canceled);
    }
    Ok(counts)
}

/// A row's place in the trail, and its entry; `None` for a dedupe row that is not part of one.
fn entry(item: &Item, own: bool) -> Result<Option<(Place, TrailEntry)>, Failure> {
    let corrupt = |error| Failure::Corrupt(item.key.clone(), error);
    if own {
        let (row, _) = OutboxRow::from_body(&item.body).map_err(corrupt)?;
        let envelope = RawValue::from_string(row.envelope.to_string()).map_err(corrupt)?;
        let place = Place { events: row.seq, turn: 1, version: 0 };
        let (event_id, event_type, recorded_at) = (row.event_id, row.event_type, row.created_at);
        return Ok(Some((place, TrailEntry { event_id, event_type, recorded_at, envelope })));
    }
    let kept: Kept<'_> = serde_json::from_slice(&item.body).map_err(corrupt)?;
    Ok(kept.trail.map(|trail| {
        let entry = TrailEntry {
            event_id: kept.message_id,
            event_type: kept.event_type,
            recorded_at: kept.processed_at,
            envelope: trail.envelope.to_owned(),
        };
        (trail.place, entry)
    }))
}
