//! How long the gate is away after it was lost: rebuilt from a ledger that is made up as it is
//! read, so that the store's own speed does not count.

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use async_trait::async_trait;
use lmall_app::{
    Changeset,
    ports::{CommitError, IndexQuery, Item, Key, NewRow, Page, Query, Store, StoreError, Table},
    row,
    stock::{Inventory, Settings},
};
use lmall_aws::redis::RedisGate;
use lmall_domain::{
    OrderId, Sku, Timestamp,
    stock::{Allocation, Bucket, Line, Reservation, State},
};
use lmall_runtime::SystemClock;
use serde::Serialize;

use crate::bench::report::seconds;

/// Units of each SKU that can be had.
const AVAILABLE: i64 = 100;

/// What the rebuild has shown.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) skus: u32,
    pub(super) reservations: u32,
    pub(super) rebuild_s: f64,
    pub(super) compare_s: f64,
    /// Whether gate and ledger agree afterwards.
    pub(super) agrees: bool,
}

/// Rebuilds the gate of so many SKUs, then compares it with the ledger.
pub(super) async fn run(
    gate: RedisGate,
    tag: &str,
    skus: u32,
    reservations: u32,
) -> Result<Report> {
    let ledger = MadeUp::new(tag, skus, reservations)?;
    let settings = Settings { reservation_grace: std::time::Duration::ZERO, buckets: 1 };
    let clock = Arc::new(SystemClock::default());
    let inventory = Inventory::new(Arc::new(ledger), Arc::new(gate), clock, settings);
    let started = Instant::now();
    let known = inventory.prewarm().await?;
    let rebuilt = started.elapsed();
    let drift = inventory.check_drift().await?;
    let compared = started.elapsed() - rebuilt;
    let all = usize::try_from(skus)?;
    let agrees = known == all && drift.checked == all && drift.unknown == 0;
    Ok(Report {
        skus,
        reservations,
        rebuild_s: seconds(rebuilt),
        compare_s: seconds(compared),
        agrees: agrees && drift.drifted.is_empty(),
    })
}

/// Reservations of one unit each, dealt out to the SKUs in turn.
struct MadeUp {
    skus: Vec<Sku>,
    reservations: usize,
}

impl MadeUp {
    fn new(tag: &str, skus: u32, reservations: u32) -> Result<Self> {
        let sku = |number| format!("bench-{tag}-{number:07}").parse();
        let skus = (0..skus).map(sku).collect::<Result<_, _>>()?;
        Ok(Self { skus, reservations: usize::try_from(reservations)? })
    }

    fn bucket(&self, sku: &str) -> Option<Item> {
        let place = self.skus.binary_search_by(|other| other.as_str().cmp(sku)).ok()?;
        let more = usize::from(place < self.reservations % self.skus.len());
        let reserved = i64::try_from(self.reservations / self.skus.len() + more).ok()?;
        let (available, received) = (AVAILABLE, AVAILABLE + reserved);
        let bucket = Bucket { available, reserved, received, ..Bucket::default() };
        Some(item(row::plain(row::bucket_key(&self.skus[place], 0), &bucket)))
    }

    fn reservation(&self, number: usize) -> Option<Item> {
        let sku = self.skus[number % self.skus.len()].clone();
        let allocations = vec![Allocation { bucket: 0, quantity: 1 }];
        let reservation = Reservation {
            order_id: OrderId::new(u64::try_from(number).ok()? + 1)?,
            state: State::Reserved,
            lines: vec![Line { sku, quantity: 1, allocations }],
            expires_at: Timestamp::from_millis(i64::MAX / 2),
            events: 1,
        };
        Some(item(row::reservation(&reservation)))
    }
}

fn item(row: NewRow) -> Item {
    Item { key: row.key, version: 1, body: row.body.into() }
}

/// The rows from where the last page ended, and where this one ends.
fn page(
    after: Option<&str>,
    limit: usize,
    count: usize,
    row: impl Fn(usize) -> Option<Item>,
) -> Page {
    let from = after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let until = count.min(from + limit);
    let next = (until < count).then(|| until.to_string());
    Page { items: (from..until).filter_map(row).collect(), next }
}

#[async_trait]
impl Store for MadeUp {
    async fn get(&self, _: &Key) -> Result<Option<Item>, StoreError> {
        Ok(None)
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        if query.partition == row::SKUS {
            return Ok(page(query.after.as_deref(), query.limit, self.skus.len(), |number| {
                let key = Key::new(Table::Inventory, row::SKUS, self.skus[number].as_str());
                Some(Item { key, version: 1, body: b"{}".as_slice().into() })
            }));
        }
        let bucket = query.partition.strip_prefix("sku#").and_then(|sku| self.bucket(sku));
        Ok(Page { items: bucket.into_iter().collect(), next: None })
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        let shards = usize::try_from(row::SHARDS).unwrap_or(1);
        let shard = query.partition.parse().unwrap_or(shards);
        let count = self.reservations.saturating_sub(shard).div_ceil(shards);
        Ok(page(query.after.as_deref(), query.limit, count, |place| {
            self.reservation(place * shards + shard)
        }))
    }

    async fn commit(&self, _: Changeset) -> Result<(), CommitError> {
        Err(CommitError::Unavailable("this ledger is only read".into()))
    }
}
