//! The queue of what was given up on, on AWS.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use lmall_app::ports::{BusError, Table};
use lmall_aws::{RelayFailures, relay_failures::RelayFailure};

use crate::GivenUp;

/// Messages taken at once: what SQS gives at most.
const TAKE: usize = 10;

/// The queue, and what was taken of it last.
pub struct Failures {
    queue: RelayFailures,
    taken: Mutex<Vec<RelayFailure>>,
}

impl Failures {
    /// What waits in this queue.
    #[must_use]
    pub const fn new(queue: RelayFailures) -> Self {
        Self { queue, taken: Mutex::new(Vec::new()) }
    }
}

#[async_trait]
impl GivenUp for Failures {
    async fn take(&self) -> Result<Vec<Option<Table>>, BusError> {
        let taken = self.queue.take(TAKE).await?;
        for RelayFailure {
            table, condition, shard, sequence_numbers: (from, to), records, ..
        } in &taken
        {
            tracing::warn!(
                ?table,
                condition,
                stream.shard = shard,
                stream.from = from,
                stream.to = to,
                records,
                "the stream relay gave up records"
            );
        }
        let tables = taken.iter().map(|failure| failure.table).collect();
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        Ok(tables)
    }

    async fn forget(&self) -> Result<(), BusError> {
        let taken = std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner));
        self.queue.delete(&taken).await
    }
}
