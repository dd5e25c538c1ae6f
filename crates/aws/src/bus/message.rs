//! How a message travels: its body as it is, and everything else in attributes.
//!
//! Group and deduplication id are attributes as well: a standard queue does not tell them, and
//! a dead-letter queue that SQS itself moves a message to replaces the deduplication id.

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

/// What was found in a queue, whoever put it there, and whoever brought it: the SDK, or Lambda.
pub trait Received {
    /// The attribute of this name, if it is a text.
    fn attribute(&self, name: &str) -> Option<&str>;

    /// What SQS itself says of it, by the name of that attribute.
    fn system(&self, name: &str) -> Option<&str>;

    /// The body.
    fn body(&self) -> &str;

    /// What SQS calls it.
    fn id(&self) -> &str;

    /// How often it was received, this time included.
    fn receive_count(&self) -> u32 {
        let count = self.system(System::ApproximateReceiveCount.as_str());
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// What it is in order with.
    fn group(&self) -> Option<&str> {
        self.said(GROUP).or_else(|| self.system(System::MessageGroupId.as_str()))
    }

    /// What its copies have in common.
    fn dedup_id(&self) -> Option<&str> {
        self.said(DEDUP_ID).or_else(|| self.system(System::MessageDeduplicationId.as_str()))
    }

    /// The request that it comes from.
    fn trace(&self) -> Trace {
        Trace {
            correlation_id: self.said(CORRELATION_ID).map(Into::into),
            traceparent: self.said(TRACEPARENT).map(Into::into),
        }
    }

    /// How often it was a dead letter before; `None` where that is no number.
    fn replays(&self) -> Option<u32> {
        self.said(REPLAYS).map_or(Some(0), |replays| replays.parse().ok())
    }

    /// An attribute that is not empty.
    fn said(&self, name: &str) -> Option<&str> {
        self.attribute(name).filter(|value| !value.is_empty())
    }

    /// The message, if nothing of it is missing.
    ///
    /// # Errors
    /// Says what is missing.
    fn message(&self) -> Result<Message, String> {
        let needed = |value: Option<&str>, what: &str| {
            value.map(Into::into).ok_or_else(|| format!("the message has no {what}"))
        };
        Ok(Message {
            group: needed(self.group(), "group")?,
            dedup_id: needed(self.dedup_id(), "deduplication id")?,
            event_type: needed(self.said(EVENT_TYPE), "event type")?,
            body: self.body().into(),
            trace: self.trace(),
            replays: self.replays().ok_or("its number of replays is no number")?,
        })
    }

    /// The same where something is missing: with `unknown` instead, and SQS' id as its own.
    fn message_anyway(&self) -> Message {
        let or_unknown = |value: Option<&str>| value.unwrap_or("unknown").into();
        Message {
            group: or_unknown(self.group()),
            dedup_id: self.dedup_id().unwrap_or_else(|| self.id()).into(),
            event_type: or_unknown(self.said(EVENT_TYPE)),
            body: self.body().into(),
            trace: self.trace(),
            replays: self.replays().unwrap_or_default(),
        }
    }
}

impl Received for SqsMessage {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.message_attributes()?.get(name)?.string_value()
    }

    fn system(&self, name: &str) -> Option<&str> {
        self.attributes()?.get(&System::from(name)).map(String::as_str)
    }

    fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.message_id().unwrap_or("unknown")
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
        assert_eq!((received.message(), received.receive_count()), (Ok(message()), 3));
    }

    #[test]
    fn a_message_that_somebody_sent_by_hand_is_understood() {
        let by_hand = SqsMessage::builder()
            .body("{}")
            .message_attributes(EVENT_TYPE, sqs_attribute("order.created"))
            .attributes(System::MessageGroupId, "7")
            .attributes(System::MessageDeduplicationId, "d")
            .build();
        let found = by_hand.message().expect("nothing is missing");
        assert_eq!((&*found.group, &*found.dedup_id, found.replays), ("7", "d", 0));
    }

    #[test]
    fn what_is_missing_is_named() {
        let bare = SqsMessage::builder().body("x").build();
        let said = bare.message().expect_err("everything is missing");
        assert_eq!(said, "the message has no group");
        let bad = sqs(&message()).message_attributes(REPLAYS, sqs_attribute("often")).build();
        assert!(bad.message().is_err());
        let anyway = SqsMessage::builder().body("x").message_id("id").build().message_anyway();
        assert_eq!((&*anyway.group, &*anyway.dedup_id, &*anyway.body), ("unknown", "id", "x"));
    }
}
