//! Decisions, as somebody sees them who watches.

use std::{io, sync::Arc, time::Duration};

use lmall_app::{
    OutboxRow, Trace,
    consumer::{Consumer, Incoming},
    decided::{MACHINES, TARGET},
    order::{self, CancelOutcome, Orders},
    payment::{Payments, Providers},
    ports::Store,
    row,
    stock::{self, Inventory},
};
use lmall_domain::{
    Money, OrderId,
    event::{CancelReason, Event, InventoryReserved, OrderCreated, SkuQuantity},
    money::Currency,
    order::{Order, Status, Stock},
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::support::{
    clock::{START, TestClock},
    nobody::Nobody,
    store::MemStore,
};

const ID: OrderId = OrderId::new(7).expect("in range");
const PAYMENT_TIMEOUT: Duration = Duration::from_secs(900);

/// Log lines, one JSON object each.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn fields(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().clone()).expect("UTF-8");
        let fields = |line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((&line["target"], &line["level"]), (&json!(TARGET), &json!("DEBUG")));
            line["fields"].take()
        };
        text.lines().map(fields).collect()
    }
}

fn total() -> Money {
    Money::new(1_000, Currency::from_code("EUR").expect("ISO 4217 has it"))
}

fn placed() -> Order {
    Order {
        id: ID,
        customer_id: "anna".parse().expect("a customer"),
        status: Status::Pending,
        stock: Stock::Pending,
        lines: Vec::new(),
        total: total(),
        captured: 0,
        refunded: 0,
        refund_requested: 0,
        refunds: 0,
        placed_at: START,
        pay_by: START.after(PAYMENT_TIMEOUT),
        cancel_reason: None,
        events: 1,
    }
}

fn created() -> Incoming {
    let event = OrderCreated {
        customer_id: "anna".parse().expect("a customer"),
        lines: vec![SkuQuantity { sku: "tea".parse().expect("a SKU"), quantity: 1 }],
        total: total(),
        pay_by: START.after(PAYMENT_TIMEOUT),
    };
    incoming(1, event.into())
}

fn incoming(seq: u32, event: Event) -> Incoming {
    let message = OutboxRow::new(ID, seq, event, START, Trace::default()).message();
    Incoming::decode(&message).expect("it was encoded just now")
}

/// Decisions of each machine, with each kind of outcome: the order is refused a
/// cancellation and told twice that its stock is held, of which nothing is there, and its payment
/// is expected twice; the second time that is shown and refused.
async fn use_cases() {
    let (store, clock) = (Arc::new(MemStore::default()), Arc::new(TestClock::new()));
    store.seed([row::order(&placed())]);
    let (nobody, store): (_, Arc<dyn Store>) = (Arc::new(Nobody), store);
    let settings = order::Settings { payment_timeout: PAYMENT_TIMEOUT };
    let orders =
        Orders::new(store.clone(), nobody.clone(), clock.clone(), nobody.clone(), settings);
    let outcome = orders.cancel(ID, CancelReason::PaymentTimeout, &Trace::default()).await;
    assert!(matches!(outcome, Ok(CancelOutcome::Refused(_))), "{outcome:?}");
    for seq in 1..=2 {
        let reserved = InventoryReserved { expires_at: START.after(PAYMENT_TIMEOUT) };
        orders.handle(incoming(seq, reserved.into())).await.expect("the store is there");
    }
    let settings = stock::Settings { reservation_grace: Duration::ZERO, buckets: 1 };
    let inventory = Inventory::new(store.clone(), nobody.clone(), clock.clone(), settings);
    inventory.handle(created()).await.expect("the store is there");
    let providers = Arc::new(Providers::new(Vec::new()).expect("none is usable"));
    let payments = Payments::new(store, nobody, clock, providers);
    for _ in 0..2 {
        payments.handle(created()).await.expect("the store is there");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_sees_each_decision() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter("lmall::decide=debug")
        .with_writer(move || lines.clone())
        .finish();
    let watching = tracing::subscriber::set_default(subscriber);
    use_cases().await;
    drop(watching);
    let row = |machine, state, input, outcome, event| {
        json!({
            "message": "decided",
            "machine": machine,
            "order.id": "7",
            "state": state,
            "input": input,
            "now": START.to_string(),
            "outcome": outcome,
            "event": event,
        })
    };
    let early = "the order can still be paid";
    let expected = [
        row("order", "PENDING", "cancel time-out early", early, ""),
        row("order", "PENDING", "reserved", "changed", ""),
        row("order", "PENDING held", "reserved", "ignored", ""),
        row("reservation", "absent", "try", "changed", ""),
        row("reservation", "TRYING", "refuse", "changed", "inventory.rejected"),
        row("payment", "absent", "expect", "changed", ""),
        row("payment", "absent", "expect", "changed", ""),
    ];
    assert_eq!(log.fields(), expected);
    for seen in expected {
        let listed = MACHINES.iter().any(|machine| {
            seen["machine"] == machine.name
                && machine.states.iter().any(|state| seen["state"] == *state)
                && machine.inputs.iter().any(|input| seen["input"] == *input)
        });
        assert!(listed, "{seen}");
    }
}
