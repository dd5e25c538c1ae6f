//! The scheduler on the embedded store.

use std::{path::Path, sync::Arc, time::Duration};

use lmall_app::{
    Trace,
    ids::LeasedIds,
    order::{Orders, Place, Settings},
    ports::Clock,
};
use lmall_cancel_scheduler::{Canceled, Nobody, Parts, handle};
use lmall_domain::{
    Money, OrderId,
    catalogue::Offer,
    order::{LineRequest, Status},
};
use lmall_embedded::Embedded;
use lmall_runtime::SystemClock;
use serde_json::{Value, json};
use tempfile::TempDir;

struct World {
    orders: Orders,
    parts: Parts,
    _embedded: Embedded,
    _dir: TempDir,
}

/// A shop with one product, where there is so much time to pay.
async fn world(payment_timeout: Duration) -> World {
    let dir = TempDir::new().expect("a temporary directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let embedded = Embedded::open(dir.path(), Arc::clone(&clock)).expect("a data directory");
    let store = embedded.store();
    let ids = LeasedIds::acquire(store.clone(), Arc::clone(&clock)).await.expect("a lease");
    let settings = Settings { payment_timeout };
    let orders =
        Orders::new(store.clone(), store.clone(), Arc::clone(&clock), Arc::new(ids), settings);
    orders.prepare().await.expect("prepared");
    let offer = Offer::new("tea-01".parse().expect("a SKU"), "Tea".to_owned(), eur());
    orders.learn(&offer.expect("an offer")).await.expect("stored");
    let nobody = || Arc::new(Nobody);
    let settings = Settings { payment_timeout: Duration::ZERO };
    let parts = Parts { orders: Orders::new(store, nobody(), clock, nobody(), settings) };
    World { orders, parts, _embedded: embedded, _dir: dir }
}

fn eur() -> Money {
    serde_json::from_value(json!({ "amount": 499, "currency": "EUR" })).expect("money")
}

impl World {
    async fn place(&self) -> OrderId {
        let line = LineRequest { sku: "tea-01".parse().expect("a SKU"), quantity: 1 };
        let wish = Place {
            customer_id: "ada".parse().expect("a customer"),
            lines: vec![line],
            idempotency: None,
            currency: None,
            trace: Trace::default(),
        };
        self.orders.place(wish).await.expect("placed").order.value.id
    }

    async fn status(&self, id: OrderId) -> Status {
        self.orders.load(id).await.expect("answers").expect("it is there").value.status
    }
}

fn schedule() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = std::fs::read(path.join("cancel-scheduler-schedule.json")).expect("a sample");
    serde_json::from_slice(&text).expect("JSON")
}

#[tokio::test]
async fn overdue_orders_are_canceled_once() {
    let world = world(Duration::ZERO).await;
    let (first, second) = (world.place().await, world.place().await);
    assert_eq!(handle(schedule(), &world.parts).await, Ok(Canceled { canceled: 2 }));
    for id in [first, second] {
        assert_eq!(world.status(id).await, Status::Canceling);
    }
    assert_eq!(handle(schedule(), &world.parts).await, Ok(Canceled { canceled: 0 }));
}

#[tokio::test]
async fn an_order_that_may_still_be_paid_is_left_alone() {
    let world = world(Duration::from_secs(900)).await;
    let id = world.place().await;
    assert_eq!(handle(schedule(), &world.parts).await, Ok(Canceled { canceled: 0 }));
    assert_eq!(world.status(id).await, Status::Pending);
}

#[tokio::test]
async fn anything_but_a_schedule_is_refused() {
    let world = world(Duration::ZERO).await;
    let id = world.place().await;
    assert!(handle(json!({ "order_id": "1" }), &world.parts).await.is_err());
    assert_eq!(world.status(id).await, Status::Pending);
}
