//! How a message travels: its body as it is, and everything else in attributes.
//!
//! Group and deduplication id are attributes as well: a standard queue does not tell them, and
//! a dead-letter queue that SQS itself moves a message to replaces the deduplication id.

use std::collections::HashMap;

use aws_sdk_sqs::types::{
    Message as SqsMessage, MessageAttributeValue as SqsAttribute,
    MessageSystemAttributeName as System,
};
use lmall_app::{Trace, ports::Message};

/// What SNS takes in one message or one batch, attributes included.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// What a subscription filters by.
pub const EVENT_TYPE: &str = "event_type";
const GROUP: &str = "group";
const DEDUP_ID: &str = "dedup_id";
const CORRELATION_ID: &str = "correlation_id";
const TRACEPARENT: &str = "traceparent";
const REPLAYS: &str = "replays";

/// The attributes of a message. Those without a value are left out: SQS takes no empty ones.
pub(crate) fn attributes(message: &Message) -> Vec<(&'static str, String)> {
    let text =
        |value: &Option<std::sync::Arc<str>>| value.as_deref().unwrap_or_default().to_owned();
    let replays = if message.replays > 0 { message.replays.to_string() } else { String::new() };
    let mut attributes = vec![
        (EVENT_TYPE, message.event_type.to_string()),
        (GROUP, message.group.to_string()),
        (DEDUP_ID, message.dedup_id.to_string()),
        (CORRELATION_ID, text(&message.trace.correlation_id)),
        (TRACEPARENT, text(&message.trace.traceparent)),
        (REPLAYS, replays),
    ];
    attributes.retain(|(_, value)| !value.is_empty());
    attributes
}

/// The bytes that AWS counts of a message.
pub(crate) fn size(message: &Message) -> usize {
    // The type of an attribute, `String`, counts too.
    let attribute = |(name, value): &(&str, String)| name.len() + "String".len() + value.len();
    message.body.len() + attributes(message).iter().map(attribute).sum::<usize>()
}

pub(crate) fn sqs_attribute(value: impl Into<String>) -> SqsAttribute {
    let attribute = SqsAttribute::builder().data_type("String").string_value(value);
    attribute.build().expect("it has a type")
}

/// What was found in a queue, whoever put it there.
pub(crate) struct Found<'a> {
    attributes: Option<&'a HashMap<String, SqsAttribute>>,
    system: Option<&'a HashMap<System, String>>,
    body: &'a str,
}

impl<'a> Found<'a> {
    pub(crate) fn new(message: &'a SqsMessage) -> Self {
        Self {
            attributes: message.message_attributes(),
            system: message.attributes(),
            body: message.body().unwrap_or_default(),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes?.get(name)?.string_value().filter(|value| !value.is_empty())
    }

    pub(crate) fn system(&self, name: &System) -> Option<&'a str> {
        self.system?.get(name).map(String::as_str)
    }

    /// How often it was received, this time included.
    pub(crate) fn receive_count(&self) -> u32 {
        let count = self.system(&System::ApproximateReceiveCount);
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    pub(crate) fn group(&self) -> Option<&'a str> {
        self.attribute(GROUP).or_else(|| self.system(&System::MessageGroupId))
    }

    pub(crate) fn dedup_id(&self) -> Option<&'a str> {
        self.attribute(DEDUP_ID).or_else(|| self.system(&System::MessageDeduplicationId))
    }

    pub(crate) fn trace(&self) -> Trace {
        Trace {
            correlation_id: self.attribute(CORRELATION_ID).map(Into::into),
            traceparent: self.attribute(TRACEPARENT).map(Into::into),
        }
    }

    fn replays(&self) -> Option<u32> {
        self.attribute(REPLAYS).map_or(Some(0), |replays| replays.parse().ok())
    }

    /// The message, if nothing of it is missing.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn message(&self) -> Result<Message, String> {
        let needed = |value: Option<&str>, what: &str| {
            value.map(Into::into).ok_or_else(|| format!("the message has no {what}"))
        };
        Ok(Message {
            group: needed(self.group(), "group")?,
            dedup_id: needed(self.dedup_id(), "deduplication id")?,
            event_type: needed(self.attribute(EVENT_TYPE), "event type")?,
            body: self.body.into(),
            trace: self.trace(),
            replays: self.replays().ok_or("its number of replays is no number")?,
        })
    }

    /// The same where something is missing: with `unknown` instead, and `id` as its own.
    pub(crate) fn message_anyway(&self, id: &str) -> Message {
        let or_unknown = |value: Option<&str>| value.unwrap_or("unknown").into();
        Message {
            group: or_unknown(self.group()),
            dedup_id: self.dedup_id().unwrap_or(id).into(),
            event_type: or_unknown(self.attribute(EVENT_TYPE)),
            body: self.body.into(),
            trace: self.trace(),
            replays: self.replays().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            group: "7".into(),
            dedup_id: "7-order-1".into(),
            event_type: "order.created".into(),
            body: "{}".into(),
            trace: Trace { correlation_id: Some("req-1".into()), traceparent: None },
            replays: 2,
        }
    }

    fn sqs(message: &Message) -> aws_sdk_sqs::types::builders::MessageBuilder {
        let builder = SqsMessage::builder().body(&*message.body);
        attributes(message).into_iter().fold(builder, |builder, (name, value)| {
            builder.message_attributes(name, sqs_attribute(value))
        })
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let received = sqs(&message()).attributes(System::ApproximateReceiveCount, "3").build();
        let found = Found::new(&received);
        assert_eq!((found.message(), found.receive_count()), (Ok(message()), 3));
    }

    #[test]
    fn a_message_that_somebody_sent_by_hand_is_understood() {
        let by_hand = SqsMessage::builder()
            .body("{}")
            .message_attributes(EVENT_TYPE, sqs_attribute("order.created"))
            .attributes(System::MessageGroupId, "7")
            .attributes(System::MessageDeduplicationId, "d")
            .build();
        let found = Found::new(&by_hand).message().expect("nothing is missing");
        assert_eq!((&*found.group, &*found.dedup_id, found.replays), ("7", "d", 0));
    }

    #[test]
    fn what_is_missing_is_named() {
        let bare = SqsMessage::builder().body("x").build();
        let said = Found::new(&bare).message().expect_err("everything is missing");
        assert_eq!(said, "the message has no group");
        let bad = sqs(&message()).message_attributes(REPLAYS, sqs_attribute("often")).build();
        assert!(Found::new(&bad).message().is_err());
        let anyway = Found::new(&bare).message_anyway("id");
        assert_eq!((&*anyway.group, &*anyway.dedup_id, &*anyway.body), ("unknown", "id", "x"));
    }
}
