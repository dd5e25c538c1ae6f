//! Has the mails sent that the user service asks for.
//!
//! It is called with messages of the queue `lmall-customer.fifo`, and answers which of them have
//! to come again: one that failed, and all after it that are about the same customer. When one
//! comes again says the ladder that all consumers have, and after its last step, or when it
//! cannot be read, it is a dead letter with its cause.
//!
//! It must never log an address or a token, and never take a mail for sent that was not. A mail
//! may be sent twice after a crash.

use std::{collections::HashSet, sync::Arc, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lmall_app::{
    backoff,
    consumer::{Consumer, HandleError, Incoming},
    failure::chain,
    ports::{Bus, Delivery, Receipt},
};
use lmall_aws::Received;
use lmall_lambda::FunctionError;

/// What the function works with.
pub struct Parts {
    /// Who has mails sent.
    pub mails: Arc<dyn Consumer>,
    /// Where the messages came from.
    pub bus: Arc<dyn Bus>,
}

/// Has the mails sent, one after another.
///
/// # Errors
/// Never: what fails is in the answer.
pub async fn handle(event: SqsEvent, parts: &Parts) -> Result<SqsBatchResponse, FunctionError> {
    let (mut stopped, mut answer) = (HashSet::new(), SqsBatchResponse::default());
    for record in event.records.into_iter().map(Record) {
        let delivery = parts.delivery(&record);
        let group = Arc::clone(&delivery.message.group);
        let is_done = if stopped.contains(&group) {
            parts.comes_again(&delivery, Duration::ZERO).await;
            false
        } else {
            match parts.attempt(&record).await {
                Ok(()) => true,
                Err(error) => {
                    stopped.insert(group);
                    parts.fail(record.id(), &delivery, &error).await
                }
            }
        };
        if !is_done {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = record.id().to_owned();
            answer.batch_item_failures.push(failure);
        }
    }
    Ok(answer)
}

impl Parts {
    fn delivery(&self, record: &Record) -> Delivery {
        Delivery {
            queue: self.mails.queue(),
            receive_count: record.receive_count(),
            message: record.message_anyway(),
            receipt: Receipt(record.0.receipt_handle.clone().unwrap_or_default()),
        }
    }

    async fn attempt(&self, record: &Record) -> Result<(), HandleError> {
        let message = record.message().map_err(HandleError::Reject)?;
        let incoming =
            Incoming::decode(&message).map_err(|error| HandleError::Reject(chain(&error)))?;
        self.mails.handle(incoming).await
    }

    /// Whether the message is out of the way. What stood behind another one of its customer was
    /// received and not tried, and counts all the same: a function remembers nothing.
    async fn fail(&self, id: &str, delivery: &Delivery, error: &HandleError) -> bool {
        let (cause, permanent) = (error.to_string(), matches!(error, HandleError::Reject(_)));
        let delay = backoff::after_receive(delivery.receive_count).filter(|_| !permanent);
        let receives = delivery.receive_count;
        tracing::warn!(message.id = id, receives, dead = delay.is_none(), cause, "message failed");
        if let Some(delay) = delay {
            self.comes_again(delivery, delay).await;
            return false;
        }
        let buried = self.bus.dead_letter(delivery, &cause, permanent).await;
        if let Err(error) = &buried {
            let error = chain(error);
            tracing::warn!(message.id = id, error, "a dead letter stays where it is");
        }
        buried.is_ok()
    }

    /// When that cannot be said, it comes again after the queue's own visibility time-out.
    async fn comes_again(&self, delivery: &Delivery, after: Duration) {
        let said = self.bus.change_visibility(delivery.queue, &delivery.receipt, after).await;
        if let Err(error) = said {
            tracing::warn!(error = chain(&error), "a message comes again at another time");
        }
    }
}

/// A message as Lambda brings it.
struct Record(SqsMessage);

impl Received for Record {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.0.message_attributes.get(name)?.string_value.as_deref()
    }

    fn system(&self, name: &str) -> Option<&str> {
        self.0.attributes.get(name).map(String::as_str)
    }

    fn body(&self) -> &str {
        self.0.body.as_deref().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.0.message_id.as_deref().unwrap_or_default()
    }
}
