//! Committed outbox rows on their way to the relay.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lmall_app::{OutboxRow, ports::Table};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::sql;

/// Rows that wait for the relay: half a minute at 2,000 a second, and at most some 100 MB.
const ROWS_MAX: usize = 65_536;

struct Feed {
    rows: mpsc::Sender<OutboxRow>,
    missed: Arc<AtomicBool>,
}

/// The feed of each table, once somebody wants it.
#[derive(Default)]
pub(super) struct Feeds([Mutex<Option<Feed>>; Table::ALL.len()]);

impl Feeds {
    pub(super) fn open(&self, table: Table) -> OutboxFeed {
        let (sender, rows) = mpsc::channel(ROWS_MAX);
        let missed = Arc::new(AtomicBool::new(true));
        let feed = Feed { rows: sender, missed: Arc::clone(&missed) };
        *self.0[sql::position(table)].lock() = Some(feed);
        OutboxFeed { rows, missed }
    }

    pub(super) fn send(&self, row: &OutboxRow) {
        let feed = self.0[sql::position(row.table())].lock();
        if let Some(feed) = feed.as_ref()
            && feed.rows.try_send(row.clone()).is_err()
        {
            feed.missed.store(true, Ordering::Release);
        }
    }

    pub(super) fn close(&self) {
        for feed in &self.0 {
            *feed.lock() = None;
        }
    }
}

/// Outbox rows of one table, in the order in which they were committed.
///
/// It may miss rows, and says so: then, and when it is new, the pending rows in the store are
/// what counts.
pub struct OutboxFeed {
    rows: mpsc::Receiver<OutboxRow>,
    missed: Arc<AtomicBool>,
}

impl OutboxFeed {
    /// The next rows, `max` at most, waiting for a first one. `None` when the store is closed
    /// or somebody else has taken the feed over.
    pub async fn next_batch(&mut self, max: usize) -> Option<Vec<OutboxRow>> {
        let mut batch = Vec::new();
        if self.rows.recv_many(&mut batch, max.max(1)).await == 0 { None } else { Some(batch) }
    }

    /// Whether there may be rows that this feed has not shown, since the last call: some were
    /// dropped because too many were waiting, or were committed before the feed was opened.
    pub fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }
}
