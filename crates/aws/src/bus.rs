//! The bus on SNS FIFO and SQS FIFO.
//!
//! A message is published to a topic, which delivers it raw to every queue whose filter lets its
//! type through: what SNS calls an attribute of the message is one of the SQS message, too.

pub(crate) mod dead_letter;
mod delete;
pub mod message;
pub mod provision;
mod publish;
mod receive;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    ports::{Bus, BusError, Delivery, Message, Receipt},
    topology::Queue,
};
use lmall_domain::event::Topic;
use tokio::sync::watch;

use crate::Clients;
use delete::Deletes;
pub use provision::create_messaging;

/// The longest that SQS hides a message, counted from when it was received.
const VISIBILITY_SECS_MAX: i32 = 43_200;

/// The bus. Clones share what they batch.
#[derive(Clone)]
pub struct AwsBus(Arc<Inner>);

struct Inner {
    clients: Clients,
    deletes: Deletes,
    /// Receives and releases that are under way.
    busy: watch::Sender<usize>,
}

/// What SQS or SNS said about one entry of a batch, or what is wrong with a message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl AwsBus {
    /// The bus of these clients' site.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        let deletes = Deletes::default();
        Self(Arc::new(Inner { clients: clients.clone(), deletes, busy: watch::Sender::new(0) }))
    }

    /// Returns when nothing is under way that nobody waits for any more: a long poll that was
    /// given up may still receive, and puts back what it receives. To be awaited, with a
    /// time-out, before the process ends.
    pub async fn settled(&self) {
        let mut busy = self.0.busy.subscribe();
        let settled = busy.wait_for(|busy| *busy == 0).await;
        drop(settled.expect("this bus keeps the sender"));
    }
}

impl Inner {
    fn busy(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|busy| *busy += 1);
        Busy(Arc::clone(self))
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        let request = self.clients.sqs.change_message_visibility();
        let request = request.queue_url(self.clients.site.queue_url(queue));
        let request = request.receipt_handle(&receipt.0);
        let answer = request.visibility_timeout(whole_seconds(visibility)).send().await;
        let Err(error) = answer else { return Ok(()) };
        let said = error.as_service_error().map(|error| {
            let meta = error.meta();
            is_stale(meta.code().unwrap_or_default(), meta.message().unwrap_or_default())
        });
        if said == Some(true) { Ok(()) } else { Err(failed(error)) }
    }
}

/// Counted as under way for as long as it lives.
struct Busy(Arc<Inner>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}

/// Whether SQS says, with this code and text, that the delivery is not the receiver's any more.
/// Where a queue is FIFO, the code is the same as for any other wrong value.
fn is_stale(code: &str, message: &str) -> bool {
    match code.rsplit('.').next().unwrap_or(code) {
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => true,
        "InvalidParameterValue" => {
            let message = message.to_ascii_lowercase();
            message.contains("receipt handle") || message.contains("receipthandle")
        }
        _ => false,
    }
}

/// SQS counts whole seconds: never less than what was asked for.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_millis().div_ceil(1_000);
    i32::try_from(seconds).unwrap_or(VISIBILITY_SECS_MAX).min(VISIBILITY_SECS_MAX)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> BusError {
    BusError(Box::new(error))
}

fn refused(text: impl Into<String>) -> BusError {
    failed(Refused(text.into()))
}

#[async_trait]
impl Bus for AwsBus {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        publish::publish(&self.0.clients, topic, &messages).await
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        receive::receive(&self.0, queue, max, wait, visibility).await
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        self.0.change_visibility(queue, receipt, visibility).await
    }

    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError> {
        delete::delete(&self.0, queue, receipts).await
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        dead_letter::dead_letter(&self.0, delivery, cause, permanent).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_delivery_is_stale() {
        let too_long = "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Total \
                        VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        let expired = "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt \
                       handle has expired.";
        for (code, message, stale) in [
            ("ReceiptHandleIsInvalid", "", true),
            ("AWS.SimpleQueueService.MessageNotInflight", "", true),
            ("InvalidParameterValue", expired, true),
            ("InvalidParameterValue", too_long, false),
            ("InternalFailure", "", false),
            ("AccessDenied", "", false),
        ] {
            assert_eq!(is_stale(code, message), stale, "{code}: {message}");
        }
    }

    #[test]
    fn seconds_are_rounded_up_and_bounded() {
        for (ms, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (u64::MAX, 43_200)] {
            assert_eq!(whole_seconds(Duration::from_millis(ms)), seconds);
        }
    }
}
