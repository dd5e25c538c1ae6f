//! The change stream's event source mapping, and the relay function behind it.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lmall_app::{OutboxRow, ports::Table};
use rand::RngExt;

use super::{System, function::invoke};
use crate::{
    aws::stream::{self, Record},
    kernel::{Fault, Site, WORLD},
};

/// Records of one call.
const BATCH: usize = 20;

/// Calls for the same first record before the mapping gives it up, after it has bisected the
/// batch down to that record.
const TRIES: u32 = 5;

/// The pause before a batch that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// It looks for records again after this long, in any case.
const LONG_POLL: Duration = Duration::from_secs(3_600);

pub(super) fn start(system: &Arc<System>) {
    for table in Table::ALL {
        for shard in 0..stream::SHARDS {
            system.kernel.spawn(WORLD, Box::pin(poll(Arc::clone(system), table, shard)));
        }
    }
}

/// What a batch came to.
enum Batch {
    /// All of it is published.
    Done,
    /// Everything before this record is.
    Until(u64),
    /// Nobody knows.
    Failed,
}

async fn poll(system: Arc<System>, table: Table, shard: usize) {
    let kernel = system.kernel.clone();
    let mut position = 0;
    let mut tries = 0;
    loop {
        if kernel.strikes(Fault::StreamStops) {
            kernel.sleep(kernel.between(Duration::from_secs(10), Duration::from_secs(7_200))).await;
        }
        let size = if tries >= TRIES / 2 { 1 } else { BATCH };
        let max = kernel.draw(|rng| rng.random_range(1..=size));
        let (records, next) = system.store.read_stream(table, shard, position, max);
        if records.is_empty() {
            position = next;
            system.store.signal(table).wait_until(&kernel, kernel.elapsed() + LONG_POLL).await;
            continue;
        }
        if kernel.strikes(Fault::StreamTrims) {
            kernel.note(WORLD, || format!("{} records of {table:?} are lost", records.len()));
            position = next;
            continue;
        }
        match publish(&system, table, next - count(&records), records).await {
            Batch::Done if kernel.strikes(Fault::StreamRepeats) => tries = 0,
            Batch::Done => (position, tries) = (next, 0),
            Batch::Until(reached) if reached > position => (position, tries) = (reached, 1),
            Batch::Until(_) | Batch::Failed => tries += 1,
        }
        if tries > TRIES {
            // To the on-failure queue, with its metadata only. The row itself is still PENDING.
            kernel.note(WORLD, || format!("the stream of {table:?} gives up a record"));
            (position, tries) = (position + 1, 0);
        } else if tries > 0 {
            kernel.sleep(PAUSE).await;
        }
    }
}

fn count(records: &[Arc<Record>]) -> u64 {
    u64::try_from(records.len()).unwrap_or(u64::MAX)
}

async fn publish(
    system: &Arc<System>,
    table: Table,
    start: u64,
    records: Vec<Arc<Record>>,
) -> Batch {
    let rows: Vec<(u64, OutboxRow)> = (start..)
        .zip(&records)
        .filter_map(|(place, record)| Some((place, stream::outbox_insert(record)?)))
        .collect();
    if rows.is_empty() {
        return Batch::Done;
    }
    let name = match table {
        Table::Order => "relay-order",
        Table::Inventory => "relay-stock",
        Table::Payment => "relay-payment",
        Table::Catalogue => "relay-catalogue",
        Table::Customer => "relay-customer",
    };
    let run = |site: Site| -> BoxFuture<'static, Option<u64>> {
        let relay = system.relay(&site);
        Box::pin(async move {
            site.hop("stream").await;
            let places: Vec<_> =
                rows.iter().map(|(place, row)| (*place, row.event_id.clone())).collect();
            let rows = rows.into_iter().map(|(_, row)| row).collect();
            let Ok(unsent) = relay.publish_from_stream(rows).await else {
                return places.first().map(|(place, _)| *place);
            };
            let failed = |id: &_| unsent.iter().any(|row| row.event_id == *id);
            places.iter().find(|(_, id)| failed(id)).map(|(place, _)| *place)
        })
    };
    match invoke(&system.kernel, name, run).await {
        Some(None) => Batch::Done,
        Some(Some(first_failed)) => Batch::Until(first_failed),
        None => Batch::Failed,
    }
}
