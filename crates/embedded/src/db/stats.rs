//! Counters of the writer.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the store did since it was opened, and how it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Transactions made durable: one `fsync` each.
    pub commits: u64,
    /// Transactions rolled back because the disk failed or was full.
    pub failures: u64,
    /// Jobs done in them: changesets, and what the bus asks for.
    pub jobs: u64,
    /// Changesets that took effect.
    pub changesets: u64,
    /// Changesets refused.
    pub refusals: u64,
    /// Jobs that wait for the writer.
    pub queue_depth: u64,
    /// Bytes in the write-ahead log.
    pub wal_bytes: u64,
    /// Checkpoints, whole or in part.
    pub checkpoints: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) jobs: AtomicU64,
    pub(crate) changesets: AtomicU64,
    pub(crate) refusals: AtomicU64,
    pub(crate) queue_depth: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> StoreStats {
        StoreStats {
            commits: self.commits.load(Relaxed),
            failures: self.failures.load(Relaxed),
            jobs: self.jobs.load(Relaxed),
            changesets: self.changesets.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
            queue_depth: self.queue_depth.load(Relaxed),
            wal_bytes: self.wal_bytes.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
        }
    }
}

/// Adds one, or more.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}
