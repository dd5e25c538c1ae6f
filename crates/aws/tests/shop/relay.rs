//! The relay function and the sweeper, as tasks.

use std::time::Duration;

use lmall_app::{OutboxRow, ports::Table, relay::Relay};
use tokio::sync::mpsc::UnboundedReceiver;

/// The most rows that the function is handed at once.
const BATCH: usize = 100;

/// The pause before it is handed again what it did not publish.
const AGAIN: Duration = Duration::from_millis(200);

/// How often everything that is PENDING is looked for.
const SWEEP: Duration = Duration::from_secs(2);

/// Does what the function does with the records of the stream: again, until all are published.
pub(crate) async fn stream(relay: Relay, mut records: UnboundedReceiver<OutboxRow>) {
    let mut rows = Vec::with_capacity(BATCH);
    while records.recv_many(&mut rows, BATCH).await > 0 {
        while !rows.is_empty() {
            match relay.publish_from_stream(rows.clone()).await {
                Ok(unsent) => rows = unsent,
                Err(failure) => tracing::debug!(%failure, "the store is away"),
            }
            if !rows.is_empty() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Publishes whatever is PENDING, however young it is.
pub(crate) async fn sweep(relay: Relay) {
    loop {
        for table in Table::ALL {
            if let Err(failure) = relay.sweep(table, Duration::ZERO).await {
                tracing::debug!(%failure, "the store is away");
            }
        }
        tokio::time::sleep(SWEEP).await;
    }
}
