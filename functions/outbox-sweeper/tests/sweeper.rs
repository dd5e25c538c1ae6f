//! The sweeper on the embedded store and bus.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    Changeset, OutboxRow, Trace,
    ports::{Bus, Clock, Store},
    relay::{Relay, SWEEP_AGE},
    topology::Queue,
};
use lmall_domain::{
    OrderId, Timestamp,
    event::{CancelReason, Event, OrderCancelRequested},
};
use lmall_embedded::Embedded;
use lmall_outbox_sweeper::{Parts, Swept, handle};
use serde_json::{Value, json};
use tempfile::TempDir;

/// When the rows of these tests are written.
const WRITTEN_MS: i64 = 1_768_386_600_123;

/// A clock that stands still, some time after that.
struct After(Duration);

#[async_trait]
impl Clock for After {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.0.as_millis()).expect("it is short");
        Timestamp::from_millis(WRITTEN_MS + passed)
    }

    fn monotonic(&self) -> Duration {
        self.0
    }

    async fn sleep(&self, _: Duration) {}
}

fn schedule() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = std::fs::read(path.join("outbox-sweeper-schedule.json")).expect("a sample");
    serde_json::from_slice(&text).expect("JSON")
}

/// Sweeps so long after two events of one order were written; gives what was published.
async fn check(age: Duration, input: Value) -> (Result<Swept, String>, Vec<String>) {
    let dir = TempDir::new().expect("a temporary directory");
    let clock: Arc<dyn Clock> = Arc::new(After(age));
    let embedded = Embedded::open(dir.path(), Arc::clone(&clock)).expect("a data directory");
    let (store, bus) = (embedded.store(), embedded.bus());
    for seq in 1..=2 {
        let id = OrderId::new(7_212_345_678_901).expect("an order id");
        let fact = Event::from(OrderCancelRequested { reason: CancelReason::PaymentTimeout });
        let at = Timestamp::from_millis(WRITTEN_MS);
        let row = OutboxRow::new(id, seq, fact, at, Trace::default());
        store.commit(Changeset::new().event(Some(row))).await.expect("committed");
    }
    let parts = Parts { relay: Relay::new(store, bus.clone(), clock) };
    let answer = handle(input, &parts).await.map_err(|error| error.to_string());
    let mut heard = Vec::new();
    loop {
        let hold = Duration::from_secs(60);
        let got = bus.receive(Queue::Inventory, 10, Duration::ZERO, hold).await.expect("answers");
        if got.is_empty() {
            return (answer, heard);
        }
        for delivery in got {
            heard.push(delivery.message.dedup_id.to_string());
            bus.delete(Queue::Inventory, vec![delivery.receipt]).await.expect("deleted");
        }
    }
}

#[tokio::test]
async fn rows_that_wait_for_too_long_are_published_in_order() {
    let (answer, heard) = check(SWEEP_AGE + Duration::from_millis(1), schedule()).await;
    assert_eq!(answer, Ok(Swept { order: 1, ..Swept::default() }));
    assert_eq!(heard, ["7212345678901-order-1", "7212345678901-order-2"]);
}

#[tokio::test]
async fn younger_rows_are_left_to_the_stream_relay() {
    let (answer, heard) = check(SWEEP_AGE - Duration::from_millis(1), schedule()).await;
    assert_eq!((answer, heard), (Ok(Swept::default()), Vec::new()));
}

#[tokio::test]
async fn anything_but_a_schedule_is_refused() {
    let (answer, heard) = check(SWEEP_AGE * 2, json!({ "table": "order" })).await;
    assert!(answer.expect_err("refused").contains("schedule"));
    assert_eq!(heard, Vec::<String>::new());
}
