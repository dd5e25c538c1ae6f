//! The rows of the book, in the table of operations.
//!
//! `pk` is `dead` and `sk` the id of the dead letter, or `replays` and the time of a replay. The
//! message's own body is an attribute beside `body`, as it came: escaped inside of JSON it could
//! be twice as long. So a row has at most 260 KiB and the names around it, and the limit of
//! 400 KB cannot be reached.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message as SqsMessage, MessageSystemAttributeName as System};
use lmall_app::{
    Trace,
    ports::{BusError, DeadLetter, Message, ReplayRun},
    topology::Queue,
};
use lmall_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::{
    bus::{
        dead_letter::{CAUSE, PERMANENT, RECEIVE_COUNT},
        message::Received,
    },
    dynamo::attribute::{BODY, PARTITION, SORT},
};

/// The partition of the dead letters: they are few, and listed in one order.
pub(super) const LETTERS: &str = "dead";
/// The partition of what was replayed.
pub(super) const RUNS: &str = "replays";
/// What was in the message.
pub(super) const MESSAGE: &str = "message";
/// Since when it waits for an operator, in milliseconds since 1970.
pub(super) const PARKED_AT: &str = "parked_at";
/// When DynamoDB may delete the row, in seconds since 1970.
const EXPIRES_AT: &str = "ttl";

/// What is in `body`.
#[derive(Serialize, Deserialize)]
struct Letter {
    queue: String,
    group: String,
    dedup_id: String,
    event_type: String,
    #[serde(default)]
    trace: Trace,
    replays: u32,
    cause: String,
    receive_count: u32,
    permanent: bool,
    dead_at: Timestamp,
}

#[derive(Serialize)]
struct Run<'a> {
    trigger: &'static str,
    queue: Option<&'static str>,
    event_type: Option<&'a str>,
    group: Option<&'a str>,
    started_at: Timestamp,
    replayed: u64,
    parked: u64,
}

/// A row that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a row of the dead letters has no `{0}` that can be read")]
struct Unreadable(&'static str);

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> BusError {
    BusError(Box::new(error))
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn read<'a>(row: &'a Row, name: &'static str) -> Result<&'a str, BusError> {
    let value = row.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| failed(Unreadable(name)))
}

/// The row of a message in a dead-letter queue. It is the same however often it is received.
pub(super) fn of(queue: Queue, message: &SqsMessage) -> Row {
    let sent_ms = message.system(System::SentTimestamp.as_str()).and_then(|sent| sent.parse().ok());
    let sent_ms: i64 = sent_ms.unwrap_or_default();
    // Within a millisecond, a FIFO queue knows the order.
    let within = message.system(System::SequenceNumber.as_str()).unwrap_or_default();
    let id = format!("{sent_ms:015}-{within:0>20}-{}", message.id());
    let Message { group, dedup_id, event_type, body, trace, replays } = message.message_anyway();
    let receives = message.said(RECEIVE_COUNT).and_then(|count| count.parse().ok());
    // A message without a cause was moved by SQS: those who received it did not live to say.
    let cause = message.said(CAUSE).unwrap_or("received too often, and never answered");
    let letter = Letter {
        queue: queue.name().to_owned(),
        group: group.to_string(),
        dedup_id: dedup_id.to_string(),
        event_type: event_type.to_string(),
        trace,
        replays,
        cause: cause.to_owned(),
        receive_count: receives.unwrap_or_else(|| super::drain::receives_max(queue)),
        permanent: message.said(PERMANENT) == Some("true"),
        dead_at: Timestamp::from_millis(sent_ms),
    };
    let json = serde_json::to_string(&letter).expect("texts and numbers have a JSON form");
    HashMap::from([
        (PARTITION.to_owned(), text(LETTERS)),
        (SORT.to_owned(), text(id)),
        (BODY.to_owned(), text(json)),
        (MESSAGE.to_owned(), text(&*body)),
    ])
}

fn body(row: &Row) -> Result<Letter, BusError> {
    serde_json::from_str(read(row, BODY)?).map_err(failed)
}

fn queue_of(letter: &Letter) -> Result<Queue, BusError> {
    Queue::from_name(&letter.queue).ok_or_else(|| failed(Unreadable("queue")))
}

/// The queue that the dead letter belongs to.
pub(super) fn queue(row: &Row) -> Result<Queue, BusError> {
    queue_of(&body(row)?)
}

/// The dead letter in the row.
pub(super) fn letter(row: &Row) -> Result<DeadLetter, BusError> {
    let letter = body(row)?;
    let parked_at = row.get(PARKED_AT).and_then(|at| at.as_n().ok());
    Ok(DeadLetter {
        id: read(row, SORT)?.to_owned(),
        queue: queue_of(&letter)?,
        message: Message {
            group: letter.group.into(),
            dedup_id: letter.dedup_id.into(),
            event_type: letter.event_type.into(),
            body: read(row, MESSAGE)?.into(),
            trace: letter.trace,
            replays: letter.replays,
        },
        cause: letter.cause,
        receive_count: letter.receive_count,
        permanent: letter.permanent,
        dead_at: letter.dead_at,
        parked_at: parked_at.and_then(|at| at.parse().ok()).map(Timestamp::from_millis),
    })
}

/// The row of a replay. The same run has the same key, so asking twice keeps it once.
pub(super) fn run(run: &ReplayRun) -> Result<Row, BusError> {
    let ReplayRun { trigger, filter, started_at, replayed, parked } = run;
    let record = Run {
        trigger: trigger.name(),
        queue: filter.queue.map(Queue::name),
        event_type: filter.event_type.as_deref(),
        group: filter.group.as_deref(),
        started_at: *started_at,
        replayed: *replayed,
        parked: *parked,
    };
    let json = serde_json::to_string(&record).map_err(failed)?;
    let id = format!("{started_at}-{}", trigger.name());
    let expires_at = started_at.after(ReplayRun::KEPT).as_millis() / 1_000;
    Ok(HashMap::from([
        (PARTITION.to_owned(), text(RUNS)),
        (SORT.to_owned(), text(id)),
        (BODY.to_owned(), text(json)),
        (EXPIRES_AT.to_owned(), number(expires_at)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(receipt: &str, count: &str) -> SqsMessage {
        SqsMessage::builder()
            .message_id("m-1")
            .receipt_handle(receipt)
            .body("{\"quoted\":true}")
            .attributes(System::SentTimestamp, "1768386600123")
            .attributes(System::SequenceNumber, "18849496460467696128")
            .attributes(System::ApproximateReceiveCount, count)
            .attributes(System::MessageGroupId, "7")
            .build()
    }

    #[test]
    fn a_message_received_twice_is_one_row() {
        let rows = [received("a", "1"), received("b", "2")];
        let rows = rows.map(|message| of(Queue::Order, &message));
        assert_eq!(rows[0], rows[1]);
    }

    #[test]
    fn what_sqs_itself_moved_has_a_cause_and_can_be_read() {
        let letter = letter(&of(Queue::Order, &received("a", "1"))).expect("as it was written");
        assert_eq!((letter.queue, &*letter.message.group), (Queue::Order, "7"));
        assert_eq!((letter.receive_count, letter.permanent), (60, false));
        assert_eq!(letter.cause, "received too often, and never answered");
        assert_eq!(&*letter.message.body, "{\"quoted\":true}");
        assert_eq!(letter.dead_at.as_millis(), 1_768_386_600_123);
    }

    #[test]
    fn ids_sort_by_death() {
        let id = |sent: &str, within: &str| {
            let message = SqsMessage::builder().message_id("m");
            let message = message.attributes(System::SentTimestamp, sent);
            let message = message.attributes(System::SequenceNumber, within).build();
            read(&of(Queue::Order, &message), SORT).expect("it has an id").to_owned()
        };
        assert!(id("999", "9") < id("1000", "1"));
        assert!(id("1000", "9") < id("1000", "10"));
    }
}
