//! Draining: from the dead-letter queues into the book.

use std::time::Duration;

use aws_sdk_sqs::{
    config::{Builder, timeout::TimeoutConfig},
    types::{DeleteMessageBatchRequestEntry, Message as SqsMessage, MessageSystemAttributeName},
};
use futures_util::future::try_join_all;
use lmall_app::{failure::chain, ports::BusError, topology::Queue};

use super::{DeadLetterBook, PARTITION, met, row};
pub(super) use crate::bus::provision::receives_max;

/// Batches of ten taken from a queue in one go. What is left is taken by the next one: the
/// replay runs every minute.
const BATCHES_MAX: usize = 100;

/// For how long others leave a batch alone.
const HELD_SECS: i32 = 30;

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

impl DeadLetterBook {
    /// Writes what is in the dead-letter queues into the book, and removes it there.
    pub(super) async fn drain(&self) -> Result<(), BusError> {
        try_join_all(Queue::ALL.map(|queue| self.drain_queue(queue))).await.map(drop)
    }

    async fn drain_queue(&self, queue: Queue) -> Result<(), BusError> {
        for _ in 0..BATCHES_MAX {
            let batch = self.take(queue).await?;
            if batch.is_empty() {
                break;
            }
            try_join_all(batch.iter().map(|message| self.book(queue, message))).await?;
            self.delete(queue, &batch).await?;
        }
        Ok(())
    }

    async fn take(&self, queue: Queue) -> Result<Vec<SqsMessage>, BusError> {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ANSWER_WITHIN).build();
        let request = self.clients.sqs.receive_message();
        let request = request
            .queue_url(self.clients.site.dead_queue_url(queue))
            .max_number_of_messages(10)
            .visibility_timeout(HELD_SECS)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .customize()
            .config_override(Builder::default().timeout_config(timeouts));
        let answer = request.send().await.map_err(row::failed)?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// A row that is there already stays as it is: it may be parked.
    async fn book(&self, queue: Queue, message: &SqsMessage) -> Result<(), BusError> {
        let request = self.clients.dynamo.put_item().table_name(self.clients.site.ops_table());
        let request = request
            .set_item(Some(row::of(queue, message)))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION);
        met(request.send().await, |error| error.is_conditional_check_failed_exception()).map(drop)
    }

    /// What is not deleted is drained once more, to the same row.
    async fn delete(&self, queue: Queue, batch: &[SqsMessage]) -> Result<(), BusError> {
        let entries = batch.iter().enumerate().filter_map(|(index, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(message.receipt_handle()?).build().ok()
        });
        let request = self.clients.sqs.delete_message_batch();
        let request = request.queue_url(self.clients.site.dead_queue_url(queue));
        let answer = request.set_entries(Some(entries.collect())).send().await;
        match answer {
            Ok(answer) => {
                for entry in answer.failed() {
                    let (code, queue) = (entry.code(), queue.name());
                    tracing::warn!(queue.name = queue, code, "a drained message was not deleted");
                }
                Ok(())
            }
            Err(error) => {
                let error_text = chain(&error);
                tracing::warn!(queue.name = queue.name(), error = error_text, "not deleted");
                Err(row::failed(error))
            }
        }
    }
}
