//! What the stream relay's mapping gave up on. It tells metadata only: where the records are in
//! the stream, not what they say. So the outbox of the table is read again.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    failure::Failure,
    ports::{BusError, Table},
};

use crate::Parts;

/// The queue that the mapping sends to.
#[async_trait]
pub trait GivenUp: Send + Sync {
    /// Takes some messages and gives the table that each is about, `None` when it does not say;
    /// nothing when there are no more. They come again unless they are forgotten.
    ///
    /// # Errors
    /// When the queue does not answer.
    async fn take(&self) -> Result<Vec<Option<Table>>, BusError>;

    /// Forgets what was taken: it is swept.
    ///
    /// # Errors
    /// When the queue does not answer: some may come again.
    async fn forget(&self) -> Result<(), BusError>;
}

/// Takes so many times at most: what is left is for the next run, a minute later.
const TAKES_MAX: usize = 50;

/// Sweeps the table of each message, whatever the age of its rows, and only then forgets the
/// message. One that does not say which table it is about may be about any. Gives how many
/// there were.
pub(crate) async fn sweep(parts: &Parts) -> Result<usize, Failure> {
    let mut swept = 0;
    for _ in 0..TAKES_MAX {
        let messages = parts.given_up.take().await?;
        if messages.is_empty() {
            break;
        }
        let said: BTreeSet<Table> = messages.iter().copied().flatten().collect();
        let all = messages.contains(&None);
        for table in Table::ALL.into_iter().filter(|table| all || said.contains(table)) {
            let found = parts.relay.sweep(table, Duration::ZERO).await?;
            tracing::warn!(table = ?table, found, "swept: the stream relay gave up records");
        }
        parts.given_up.forget().await?;
        swept += messages.len();
    }
    Ok(swept)
}
