//! What the stream relay's event source mapping gave up on.
//!
//! Lambda puts only metadata into the queue: which records of which stream, not the records
//! themselves. So whoever takes one sweeps the outbox of its table, and deletes it after that.

use lmall_app::ports::{BusError, Receipt, Table};
use serde::Deserialize;

use crate::Clients;

/// Messages in one answer.
const MESSAGES_MAX: usize = 10;

/// For how long others leave what was taken alone: longer than a sweep.
const HELD_SECS: i32 = 300;

/// Records that were given up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayFailure {
    /// The table whose outbox has them; `None` when the message does not say, and it may be any.
    pub table: Option<Table>,
    /// Why Lambda gave up, such as `RetryAttemptsExhausted`.
    pub condition: String,
    /// The shard.
    pub shard: String,
    /// The first and the last sequence number.
    pub sequence_numbers: (String, String),
    /// How many records.
    pub records: u64,
    receipt: Receipt,
}

/// The queue of what was given up on.
#[derive(Clone)]
pub struct RelayFailures {
    clients: Clients,
}

/// The message, as Lambda writes it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    #[serde(rename = "requestContext")]
    request: RequestContext,
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: BatchInfo,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RequestContext {
    condition: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct BatchInfo {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    batch_size: u64,
    stream_arn: String,
}

impl RelayFailures {
    /// The queue of these clients' site.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self { clients: clients.clone() }
    }

    /// Up to `max`, and ten at most, without waiting. They come again unless they are deleted.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn take(&self, max: usize) -> Result<Vec<RelayFailure>, BusError> {
        let max = i32::try_from(max.clamp(1, MESSAGES_MAX)).expect("ten at most");
        let request = self.clients.sqs.receive_message();
        let request = request
            .queue_url(self.clients.site.relay_failures_url())
            .max_number_of_messages(max)
            .visibility_timeout(HELD_SECS);
        let answer = request.send().await.map_err(|error| BusError(Box::new(error)))?;
        let messages = answer.messages.unwrap_or_default();
        let failure = |message: &aws_sdk_sqs::types::Message| {
            let receipt = Receipt(message.receipt_handle()?.to_owned());
            Some(self.failure(message.body().unwrap_or_default(), receipt))
        };
        Ok(messages.iter().filter_map(failure).collect())
    }

    fn failure(&self, body: &str, receipt: Receipt) -> RelayFailure {
        // What cannot be read says that something was lost, and not where.
        let Given { request, batch } = serde_json::from_str(body).unwrap_or_default();
        let name = batch.stream_arn.split('/').nth(1);
        let table =
            Table::ALL.into_iter().find(|table| name == Some(&self.clients.site.table(*table)));
        RelayFailure {
            table,
            condition: request.condition,
            shard: batch.shard_id,
            sequence_numbers: (batch.start_sequence_number, batch.end_sequence_number),
            records: batch.batch_size,
            receipt,
        }
    }

    /// Removes them: their outboxes were swept.
    ///
    /// # Errors
    /// When SQS does not answer: some may come again.
    pub async fn delete(&self, failures: &[RelayFailure]) -> Result<(), BusError> {
        for failure in failures {
            let request = self.clients.sqs.delete_message();
            let request = request.queue_url(self.clients.site.relay_failures_url());
            let request = request.receipt_handle(&failure.receipt.0);
            request.send().await.map_err(|error| BusError(Box::new(error)))?;
        }
        Ok(())
    }
}
