//! What payment makes of an order that it hears of again.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    OutboxRow, Trace,
    consumer::{Consumer, Incoming},
    payment::{Payments, Providers},
    ports::{Store, Table},
    row,
};
use lmall_domain::{
    Money, OrderId,
    event::{Event, OrderCreated, SkuQuantity},
    money::Currency,
    payment::{Kind, Movement, Payment},
};

use super::support::{
    clock::{START, TestClock},
    nobody::Nobody,
    store::MemStore,
};

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::from_code("EUR").expect("ISO 4217 has it"))
}

fn captured(number: u32) -> Movement {
    Movement {
        provider: "demo".parse().expect("a provider"),
        provider_event_id: format!("evt_{number}").parse().expect("an id"),
        payment_id: format!("pay_{number}").parse().expect("an id"),
        kind: Kind::Captured,
        amount: eur(500),
        refund_id: None,
        recorded_at: START,
        settled: false,
    }
}

fn created(order_id: OrderId) -> Incoming {
    let event: Event = OrderCreated {
        customer_id: "anna".parse().expect("a customer"),
        lines: vec![SkuQuantity { sku: "tea".parse().expect("a SKU"), quantity: 1 }],
        total: eur(1_000),
        pay_by: START.after(Duration::from_secs(900)),
    }
    .into();
    let message = OutboxRow::new(order_id, 1, event, START, Trace::default()).message();
    Incoming::decode(&message).expect("it was encoded just now")
}

/// The process died between two steps: the order is known, and not all movements are settled.
#[tokio::test(start_paused = true)]
async fn an_order_heard_of_again_settles_what_is_left() {
    let order_id = OrderId::new(7).expect("in range");
    for settled in 0..=2 {
        let (store, clock) = (Arc::new(MemStore::default()), Arc::new(TestClock::new()));
        let mut movements = vec![captured(1), captured(2)];
        movements.iter_mut().take(settled).for_each(|movement| movement.settled = true);
        let events = u32::try_from(settled).expect("two at most");
        let expected = Some(eur(1_000));
        let payment = Payment { expected, movements, events, ..Payment::new(order_id) };
        store.seed([row::payment(&payment)]);
        let providers = Arc::new(Providers::new(Vec::new()).expect("none is usable"));
        let payments = Payments::new(store.clone(), Arc::new(Nobody), clock, providers);
        let incoming = created(order_id);
        let key = incoming.dedupe_row(Table::Payment, START).key;
        payments.handle(incoming).await.expect("the store is there");
        let after = payments.load(order_id).await.expect("the store is there");
        let after = after.expect("it was seeded").value;
        assert!(after.movements.iter().all(|movement| movement.settled), "{settled} before");
        assert_eq!(after.events, 2, "{settled} before");
        let noted = store.get(&key).await.expect("the store is there").is_some();
        assert!(noted, "{settled} before");
    }
}
