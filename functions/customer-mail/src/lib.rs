//! Has the mails sent that the user service asks for.
//!
//! It is called with messages of the queue `lmall-customer.fifo`, and answers which of them have
//! to come again: one that failed, and all after it that are about the same customer.
//!
//! It must never log an address or a token, and never take a mail for sent that was not. A mail
//! may be sent twice after a crash.

use std::collections::HashSet;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lmall_app::{
    Trace,
    consumer::{Consumer, HandleError, Incoming},
    customer::Mails,
    ports::Message,
};
use lmall_lambda::FunctionError;

/// Has the mails sent, one after another.
///
/// # Errors
/// Never: what fails is in the answer.
pub async fn handle(event: SqsEvent, mails: &Mails) -> Result<SqsBatchResponse, FunctionError> {
    let (mut stopped, mut answer) = (HashSet::new(), SqsBatchResponse::default());
    for record in event.records {
        let group = record.attributes.get("MessageGroupId").cloned();
        let id = record.message_id.clone().unwrap_or_default();
        if !stopped.contains(&group) {
            match send(record, mails).await {
                Ok(()) => continue,
                Err(error) => {
                    tracing::warn!(error = error.to_string(), message.id = id, "message failed");
                }
            }
            stopped.insert(group);
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        answer.batch_item_failures.push(failure);
    }
    Ok(answer)
}

async fn send(record: SqsMessage, mails: &Mails) -> Result<(), HandleError> {
    let text = |name: &str| {
        let value = record.message_attributes.get(name)?;
        value.string_value.as_deref().map(Into::into)
    };
    let trace = Trace { correlation_id: text("correlation_id"), traceparent: text("traceparent") };
    let message = Message {
        group: "".into(),
        dedup_id: "".into(),
        event_type: "".into(),
        body: record.body.unwrap_or_default().into(),
        trace,
        replays: 0,
    };
    let incoming = Incoming::decode(&message);
    mails.handle(incoming.map_err(|error| HandleError::Reject(error.to_string()))?).await
}
