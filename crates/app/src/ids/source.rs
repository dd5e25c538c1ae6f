//! Ids in batches, of the best kind that can be had.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lmall_domain::OrderId;

use super::{Ulid, Ulids};
use crate::ports::OrderIds;

/// Ids of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// Made under a lease: no other process makes the same ones. Only these can be order ids.
    Snowflakes(Vec<OrderId>),
    /// Made without a lease: no other process makes the same ones, by all odds.
    Ulids(Vec<Ulid>),
}

/// Snowflakes while a lease is held, else ULIDs.
pub struct Ids {
    leased: Arc<dyn OrderIds>,
    backup: Ulids,
    on_backup: AtomicBool,
}

impl Ids {
    /// Both sources.
    #[must_use]
    pub fn new(leased: Arc<dyn OrderIds>, backup: Ulids) -> Self {
        Self { leased, backup, on_backup: AtomicBool::new(false) }
    }

    /// So many ids, all of one kind, ascending. A lease that ends within the batch leaves unused
    /// what was made of it.
    #[must_use]
    pub fn batch(&self, count: usize) -> Batch {
        let snowflakes: Result<Vec<_>, _> = (0..count).map(|_| self.leased.next()).collect();
        let was_on_backup = self.on_backup.swap(snowflakes.is_err(), Ordering::Relaxed);
        match snowflakes {
            Ok(ids) => {
                if was_on_backup {
                    tracing::info!("a lease is held again: ids are Snowflakes");
                }
                Batch::Snowflakes(ids)
            }
            Err(error) => {
                if !was_on_backup {
                    tracing::warn!(%error, "ids are ULIDs until a lease is held again");
                }
                Batch::Ulids((0..count).map(|_| self.backup.next()).collect())
            }
        }
    }
}
