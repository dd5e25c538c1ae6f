//! The relay function on the embedded store and bus, called with what AWS sends.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lambda_events::event::dynamodb::Event;
use lmall_app::{
    Changeset, OutboxRow, Trace,
    ports::{Bus, BusError, Clock, Delivery, Message, Receipt, Store},
    relay::Relay,
    topology::Queue,
};
use lmall_domain::{
    OrderId, Timestamp,
    event::{CancelReason, Event as Fact, OrderCancelRequested, Topic},
};
use lmall_embedded::{Embedded, SqliteBus, SqliteStore};
use lmall_outbox_relay::{Parts, handle};
use lmall_runtime::SystemClock;
use serde_json::{Value, json};
use tempfile::TempDir;

const A: u64 = 7_212_345_678_901;
const B: u64 = 7_212_345_678_902;

/// A bus that refuses the events whose ids it is told.
struct Refusing {
    bus: Arc<SqliteBus>,
    refused: Vec<String>,
}

#[async_trait]
impl Bus for Refusing {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let mut answers = Vec::new();
        for message in messages {
            if self.refused.iter().any(|id| **id == *message.dedup_id) {
                answers.push(Err(BusError("refused".into())));
            } else {
                answers.extend(self.bus.publish(topic, vec![message]).await);
            }
        }
        answers
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        self.bus.receive(queue, max, wait, visibility).await
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        self.bus.change_visibility(queue, receipt, visibility).await
    }

    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError> {
        self.bus.delete(queue, receipts).await
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        self.bus.dead_letter(delivery, cause, permanent).await
    }
}

struct World {
    store: Arc<SqliteStore>,
    bus: Arc<SqliteBus>,
    parts: Parts,
    _embedded: Embedded,
    _dir: TempDir,
}

fn world(refused: &[&str]) -> World {
    let dir = TempDir::new().expect("a temporary directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let embedded = Embedded::open(dir.path(), Arc::clone(&clock)).expect("a data directory");
    let (store, bus) = (embedded.store(), embedded.bus());
    let refused = refused.iter().map(ToString::to_string).collect();
    let refusing = Arc::new(Refusing { bus: bus.clone(), refused });
    let relay = Relay::new(store.clone(), refusing, clock);
    World { store, bus, parts: Parts { relay }, _embedded: embedded, _dir: dir }
}

impl World {
    /// Answers the sequence numbers of the failures.
    async fn call(&self, input: Value) -> Vec<String> {
        let event: Event = serde_json::from_value(input).expect("a stream event");
        let answer = handle(event, &self.parts).await.expect("an answer");
        let failures = answer.batch_item_failures.into_iter();
        failures.map(|failure| failure.item_identifier.expect("a number")).collect()
    }

    /// The events that reached the queue of the inventory service.
    async fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let hold = Duration::from_secs(60);
            let got = self.bus.receive(Queue::Inventory, 10, Duration::ZERO, hold).await;
            let got = got.expect("the bus answers");
            if got.is_empty() {
                return heard;
            }
            for delivery in got {
                heard.push(delivery.message.dedup_id.to_string());
                self.bus.delete(Queue::Inventory, vec![delivery.receipt]).await.expect("deleted");
            }
        }
    }

    async fn write(&self, row: &OutboxRow) {
        let changes = Changeset::new().event(Some(row.clone()));
        self.store.commit(changes).await.expect("committed");
    }
}

fn row(order: u64, seq: u32) -> OutboxRow {
    let id = OrderId::new(order).expect("an order id");
    let fact = Fact::from(OrderCancelRequested { reason: CancelReason::PaymentTimeout });
    OutboxRow::new(id, seq, fact, Timestamp::from_millis(1_768_386_600_123), Trace::default())
}

fn record(number: u32, row: &OutboxRow) -> Value {
    let key = row.key();
    let body = String::from_utf8(row.pending().body).expect("JSON is text");
    let keys = json!({"pk": {"S": key.partition}, "sk": {"S": key.sort}});
    let image = json!({"pk": keys["pk"], "sk": keys["sk"], "body": {"S": body}});
    json!({
        "eventID": format!("e{number}"), "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {"Keys": keys, "NewImage": image, "SequenceNumber": number.to_string(),
            "SizeBytes": 1, "StreamViewType": "NEW_IMAGE"},
    })
}

fn batch(rows: &[(u32, OutboxRow)]) -> Value {
    let records: Vec<_> = rows.iter().map(|(number, row)| record(*number, row)).collect();
    json!({ "Records": records })
}

#[tokio::test]
async fn a_batch_is_published_in_order_and_answered_without_failures() {
    let world = world(&[]);
    for row in [row(A, 1), row(A, 2), row(B, 1)] {
        world.write(&row).await;
    }
    let failed = world.call(batch(&[(1, row(A, 1)), (2, row(B, 1)), (3, row(A, 2))])).await;
    assert_eq!(failed, Vec::<String>::new());
    let mut heard = world.heard().await;
    let of_a: Vec<_> = heard.iter().filter(|id| id.starts_with(&A.to_string())).collect();
    assert_eq!(of_a, [&format!("{A}-order-1"), &format!("{A}-order-2")]);
    heard.sort();
    assert_eq!(heard.len(), 3);
    let stored = world.store.get(&row(A, 2).key()).await.expect("answers").expect("there");
    let (_, pending) = OutboxRow::from_body(&stored.body).expect("a row");
    assert!(!pending, "what was published is marked SENT");
}

#[tokio::test]
async fn the_lowest_record_that_failed_is_reported_and_nothing_overtakes_it() {
    let refused = format!("{A}-order-1");
    let world = world(&[&refused]);
    for row in [row(A, 1), row(A, 2), row(B, 1)] {
        world.write(&row).await;
    }
    let failed = world.call(batch(&[(5, row(B, 1)), (6, row(A, 1)), (7, row(A, 2))])).await;
    assert_eq!(failed, ["6"]);
    assert_eq!(world.heard().await, [format!("{B}-order-1")]);
}

#[tokio::test]
async fn a_row_that_fails_outside_the_batch_keeps_its_followers_back() {
    let refused = format!("{A}-order-1");
    let world = world(&[&refused]);
    for row in [row(A, 1), row(A, 2)] {
        world.write(&row).await;
    }
    assert_eq!(world.call(batch(&[(7, row(A, 2))])).await, ["7"]);
    assert_eq!(world.heard().await, Vec::<String>::new());
}

#[tokio::test]
async fn records_that_are_doubled_or_out_of_order_are_published_once_and_in_order() {
    let world = world(&[]);
    for row in [row(A, 1), row(A, 2)] {
        world.write(&row).await;
    }
    let reordered = batch(&[(1, row(A, 2)), (2, row(A, 1)), (3, row(A, 2))]);
    assert_eq!(world.call(reordered.clone()).await, Vec::<String>::new());
    assert_eq!(world.call(reordered).await, Vec::<String>::new());
    assert_eq!(world.heard().await, [format!("{A}-order-1"), format!("{A}-order-2")]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_passed_over_and_what_follows_is_published() {
    for (what, break_it) in [
        ("cut off", json!({"S": "{\"id\":"})),
        ("not text", json!({"N": "1"})),
        ("another row's", json!({"S": String::from_utf8(row(B, 9).pending().body).expect("text")})),
    ] {
        let world = world(&[]);
        let mut input = batch(&[(1, row(A, 1)), (2, row(B, 1))]);
        input["Records"][0]["dynamodb"]["NewImage"]["body"] = break_it;
        assert_eq!(world.call(input).await, Vec::<String>::new(), "{what}");
        assert_eq!(world.heard().await, [format!("{B}-order-1")], "{what}");
    }
}

#[tokio::test]
async fn a_corrupt_row_in_the_table_keeps_back_its_own_aggregate_only() {
    let world = world(&[]);
    let corrupt = lmall_app::row::plain(row(A, 1).key(), &"not an outbox row");
    let changes = Changeset::new().put(corrupt, 0);
    world.store.commit(changes).await.expect("committed");
    for row in [row(A, 2), row(B, 1)] {
        world.write(&row).await;
    }
    let failed = world.call(batch(&[(1, row(A, 2)), (2, row(B, 1))])).await;
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(world.heard().await, [format!("{B}-order-1")]);
}

#[tokio::test]
async fn a_failure_that_cannot_be_named_fails_the_batch() {
    let refused = format!("{A}-order-1");
    let world = world(&[&refused]);
    let mut input = batch(&[(1, row(A, 1))]);
    input["Records"][0]["dynamodb"]["SequenceNumber"] = Value::Null;
    let event: Event = serde_json::from_value(input).expect("a stream event");
    let error = handle(event, &world.parts).await.expect_err("it cannot be named");
    assert!(error.to_string().contains("SequenceNumber"), "{error}");
}

#[tokio::test]
async fn what_aws_sends_is_answered_without_failures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if !name.starts_with("outbox-relay-") {
            continue;
        }
        seen += 1;
        let text = std::fs::read(&path).expect("a file");
        let input: Value = serde_json::from_slice(&text).expect("JSON");
        let world = world(&[]);
        assert_eq!(world.call(input).await, Vec::<String>::new(), "{name}");
        let heard = world.heard().await;
        let expected: &[&str] = match name.as_str() {
            "outbox-relay-insert.json"
            | "outbox-relay-duplicate.json"
            | "outbox-relay-other-rows.json" => &["7212345678901-order-1"],
            "outbox-relay-reordered.json" => &["7212345678901-order-1", "7212345678901-order-2"],
            "outbox-relay-unreadable.json" => &["7212345678902-order-1"],
            "outbox-relay-two-aggregates.json" => {
                &["7212345678901-order-1", "7212345678902-order-1", "7212345678901-order-2"]
            }
            "outbox-relay-empty.json"
            | "outbox-relay-modify.json"
            | "outbox-relay-payment.json"
            | "outbox-relay-remove.json"
            | "outbox-relay-ttl-removal.json" => &[],
            other => panic!("{other}: say what it publishes"),
        };
        assert_eq!(heard, expected, "{name}");
    }
    assert_eq!(seen, 11);
}
