//! Rooms as rows.

use std::{collections::BTreeMap, sync::Arc};

use lmall_app::{
    failure::Failure,
    ports::{Clock, Key, NewRow, Query, Store, Table},
    row::{self, Versioned},
};
use lmall_domain::{
    Sku, Timestamp,
    waiting::{Event, Room, Settings},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Kept;

/// Events in a row: some 50 KB, and one arrival of a busy moment among a few hundred others.
pub(super) const EVENTS_PER_ROW: usize = 500;

/// Rows read at once.
const PAGE: usize = 50;

/// A room, as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RoomRow {
    pub(super) opened_at: Timestamp,
    pub(super) settings: Settings,
    /// Its rows are being deleted.
    pub(super) is_closed: bool,
}

/// Every room that is open.
pub(super) async fn load(
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<BTreeMap<Sku, Arc<Mutex<Kept>>>, Failure> {
    let mut rooms = BTreeMap::new();
    for (sku, stored) in stored_rooms(store).await? {
        if !stored.value.is_closed {
            let kept = replay(store, clock.now(), &sku, &stored.value).await?;
            rooms.insert(sku, Arc::new(Mutex::new(kept)));
        }
    }
    Ok(rooms)
}

/// Every room that has a row.
pub(super) async fn stored_rooms(
    store: &dyn Store,
) -> Result<Vec<(Sku, Versioned<RoomRow>)>, Failure> {
    let mut rooms = Vec::new();
    let mut after = None;
    loop {
        let page = page(store, row::WAITING.to_owned(), after).await?;
        for item in &page.items {
            let sku = item.key.sort.parse().map_err(|_| strange(&item.key))?;
            rooms.push((sku, row::decode(item)?));
        }
        after = page.next;
        if after.is_none() {
            return Ok(rooms);
        }
    }
}

/// The keys of some rows of events.
pub(super) async fn some_rows(
    store: &dyn Store,
    sku: &Sku,
    opened_at: Timestamp,
) -> Result<Vec<(Key, u64)>, Failure> {
    let partition = row::waiting_log_key(sku, opened_at, 0).partition;
    let page = page(store, partition, None).await?;
    Ok(page.items.into_iter().map(|item| (item.key, item.version)).collect())
}

/// Rows with these events, from that number on.
pub(super) fn rows(
    sku: &Sku,
    opened_at: Timestamp,
    from: u64,
    events: &[Event],
) -> impl Iterator<Item = NewRow> {
    let parts = events.chunks(EVENTS_PER_ROW);
    (from..).zip(parts).map(move |(number, events)| {
        row::plain(row::waiting_log_key(sku, opened_at, number), &events)
    })
}

async fn replay(
    store: &dyn Store,
    now: Timestamp,
    sku: &Sku,
    stored: &RoomRow,
) -> Result<Kept, Failure> {
    let mut room = Room::new(sku.clone(), stored.settings, stored.opened_at);
    let (mut rows, mut after) = (0, None);
    let partition = row::waiting_log_key(sku, stored.opened_at, 0).partition;
    loop {
        let page = page(store, partition.clone(), after).await?;
        for item in &page.items {
            let events = row::decode::<Vec<Event>>(item)?.value;
            for event in &events {
                room.apply(event, now);
            }
            let number: u64 = item.key.sort.parse().map_err(|_| strange(&item.key))?;
            rows = number + 1;
        }
        after = page.next;
        if after.is_none() {
            room.resume();
            return Ok(Kept { room, opened_at: stored.opened_at, rows });
        }
    }
}

async fn page(
    store: &dyn Store,
    partition: String,
    after: Option<String>,
) -> Result<lmall_app::ports::Page, Failure> {
    let prefix = String::new();
    let query =
        Query { table: Table::Order, partition, prefix, after, limit: PAGE, descending: false };
    Ok(store.query(&query).await?)
}

fn strange(key: &Key) -> Failure {
    Failure::Never(format!("a row of a waiting room is named `{}`", key.sort))
}
