//! The replayer on the embedded store and bus.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Changeset, OutboxRow, Trace,
    ops::dead_letters::Replayer,
    ports::{Bus, BusError, Clock, Message, Store, Table},
    relay::Relay,
    topology::Queue,
};
use lmall_dlq_replay::{GivenUp, Parts, Report, handle};
use lmall_domain::{
    OrderId, Timestamp,
    event::{CancelReason, Event, OrderCancelRequested, Topic},
};
use lmall_embedded::{Embedded, SqliteBus, SqliteStore};
use lmall_runtime::SystemClock;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a queue in memory has: the tables that its messages name.
#[derive(Default)]
struct Waiting(Mutex<Vec<Option<Table>>>);

#[async_trait]
impl GivenUp for Waiting {
    async fn take(&self) -> Result<Vec<Option<Table>>, BusError> {
        Ok(self.0.lock().expect("nobody panicked").clone())
    }

    async fn forget(&self) -> Result<(), BusError> {
        self.0.lock().expect("nobody panicked").clear();
        Ok(())
    }
}

struct World {
    store: Arc<SqliteStore>,
    bus: Arc<SqliteBus>,
    waiting: Arc<Waiting>,
    parts: Parts,
    _embedded: Embedded,
    _dir: TempDir,
}

fn world() -> World {
    let dir = TempDir::new().expect("a temporary directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let embedded = Embedded::open(dir.path(), Arc::clone(&clock)).expect("a data directory");
    let (store, bus, waiting) = (embedded.store(), embedded.bus(), Arc::new(Waiting::default()));
    let parts = Parts {
        replayer: Replayer::new(bus.clone(), Arc::clone(&clock)),
        relay: Relay::new(store.clone(), bus.clone(), clock),
        given_up: waiting.clone(),
    };
    World { store, bus, waiting, parts, _embedded: embedded, _dir: dir }
}

impl World {
    async fn call(&self, input: Value) -> Report {
        handle(input, &self.parts).await.expect("an answer")
    }

    /// What can be received from the queue, each once.
    async fn heard(&self) -> Vec<String> {
        let hold = Duration::from_secs(60);
        let got = self.bus.receive(Queue::Inventory, 10, Duration::ZERO, hold).await;
        let got = got.expect("the bus answers").into_iter();
        got.map(|delivery| delivery.message.dedup_id.to_string()).collect()
    }

    /// Publishes a message of this order that its consumer cannot handle.
    async fn die(&self, order: &str, permanent: bool) {
        let message = Message {
            group: order.into(),
            dedup_id: format!("{order}-order-1").into(),
            event_type: "order.created".into(),
            body: "{}".into(),
            trace: Trace::default(),
            replays: 0,
        };
        let topic = Topic::OrderEvents;
        for answer in self.bus.publish(topic, vec![message]).await {
            answer.expect("published");
        }
        let hold = Duration::from_secs(60);
        for queue in [Queue::Inventory, Queue::Payment] {
            let got = self.bus.receive(queue, 10, Duration::ZERO, hold).await;
            for delivery in got.expect("the bus answers") {
                self.bus.dead_letter(&delivery, "a test", permanent).await.expect("buried");
            }
        }
    }
}

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("a sample")).expect("JSON")
}

const A: &str = "7212345678901";
const B: &str = "7212345678902";

#[tokio::test]
async fn only_what_the_filter_lets_through_is_sent_again() {
    let world = world();
    world.die(A, false).await;
    world.die(B, false).await;
    let all = Report { matched: 4, ..Report::default() };
    assert_eq!(world.call(json!({ "filter": {}, "dry_run": true })).await, all);
    let dry = world.call(sample("dlq-replay-dry-run.json")).await;
    assert_eq!(dry, Report { matched: 2, ..Report::default() });
    assert_eq!(world.heard().await, Vec::<String>::new(), "a dry run sends nothing");
    assert_eq!(world.call(sample("dlq-replay-filter.json")).await, Report::default());
    let filter = json!({ "queue": "lmall-inventory.fifo", "event_type": "order.created",
        "order_id": A });
    let sent = world.call(json!({ "filter": filter })).await;
    assert_eq!(sent, Report { matched: 1, replayed: 1, ..Report::default() });
    assert_eq!(world.heard().await, [format!("{A}-order-1#r1")]);
    let rest = world.call(sample("dlq-replay-all.json")).await;
    assert_eq!((rest.matched, rest.replayed), (3, 3));
}

#[tokio::test]
async fn the_ladder_parks_what_can_never_succeed_and_lets_the_rest_wait() {
    let world = world();
    world.die(A, true).await;
    world.die(B, false).await;
    let done = world.call(sample("dlq-replay-schedule.json")).await;
    assert_eq!(done, Report { matched: 4, replayed: 0, parked: 2, swept: 0 });
    assert_eq!(world.heard().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_stream_relay_gave_up_on_is_swept_and_then_forgotten() {
    for (messages, heard) in [
        (vec![Some(Table::Payment)], vec![]),
        (vec![Some(Table::Payment), Some(Table::Order)], vec![format!("{A}-order-1")]),
        (vec![Some(Table::Payment), None], vec![format!("{A}-order-1")]),
    ] {
        let world = world();
        let id: OrderId = A.parse().expect("an order id");
        let fact = Event::from(OrderCancelRequested { reason: CancelReason::PaymentTimeout });
        let now = Timestamp::from_millis(1_768_386_600_123);
        let row = OutboxRow::new(id, 1, fact, now, Trace::default());
        world.store.commit(Changeset::new().event(Some(row))).await.expect("committed");
        let swept = messages.len();
        world.waiting.0.lock().expect("nobody panicked").extend(messages.clone());
        let done = world.call(sample("dlq-replay-schedule.json")).await;
        assert_eq!(done, Report { swept, ..Report::default() });
        assert_eq!(world.heard().await, heard, "{messages:?}");
        assert_eq!(world.waiting.0.lock().expect("nobody panicked").len(), 0);
    }
}

#[tokio::test]
async fn a_bad_wish_is_refused_by_its_field() {
    let world = world();
    world.die(A, false).await;
    for (input, named) in [
        (json!({}), "the input: missing field `filter`"),
        (json!({ "filter": { "queue": "orders" } }), "filter.queue: not a queue"),
        (json!({ "filter": { "event_type": "order.x" } }), "filter.event_type: not an event"),
        (json!({ "filter": { "order_id": "x" } }), "filter.order_id: "),
        (json!({ "filter": { "colour": "red" } }), "filter.colour: unknown field"),
        (json!({ "filter": {}, "dry": true }), "dry: unknown field"),
        (json!({ "filter": {}, "rate_per_s": 0 }), "rate_per_s: "),
        (json!({ "filter": {}, "rate_per_s": 1001 }), "rate_per_s: "),
    ] {
        let error = handle(input.clone(), &world.parts).await.expect_err("bad").to_string();
        assert!(error.starts_with(named), "{input} gives: {error}");
    }
    let all = Report { matched: 2, ..Report::default() };
    assert_eq!(world.call(json!({ "filter": {}, "dry_run": true })).await, all);
}
