//! A receipt that was refused stays refused, whatever becomes of the attempts before.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    Refusal,
    backoff::CONFLICT_TRIES,
    failure::Failure,
    ports::{Scan, Table},
    row,
    stock::{Inventory, Level, Receipt, ReceiptOutcome, Settings},
};
use lmall_domain::{Sku, limits::STOCK_MAX};

use super::support::{
    clock::TestClock,
    nobody::Nobody,
    store::{Fault, MemStore},
};

struct World {
    store: Arc<MemStore>,
    inventory: Inventory,
    sku: Sku,
}

impl World {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemStore::default()), Arc::new(TestClock::new()));
        let settings = Settings { reservation_grace: Duration::ZERO, buckets: 2 };
        let inventory = Inventory::new(store.clone(), Arc::new(Nobody), clock, settings);
        Self { store, inventory, sku: "tea".parse().expect("a SKU") }
    }

    async fn receive(&self, reference: &str, units: i64) -> Result<ReceiptOutcome, Failure> {
        let reference = reference.parse().expect("a reference");
        self.inventory.receive(&self.sku, reference, units, None).await
    }

    /// Receives, and knows what came of it.
    async fn received(&self, reference: &str, units: i64) -> ReceiptOutcome {
        self.receive(reference, units).await.expect("the store is there")
    }

    /// Tries to receive so much, and never learns what came of it.
    async fn lose(&self, reference: &str, units: i64) {
        self.store.fail_commits((0..CONFLICT_TRIES).map(|_| Fault::Lost));
        assert!(self.receive(reference, units).await.is_err());
    }

    /// What was lost arrives after all, and is refused.
    fn assert_late_is_refused(&self, what: &str) {
        let late = (0..CONFLICT_TRIES).map(|_| Err(Refusal::Stale)).collect::<Vec<_>>();
        assert_eq!(self.store.land_lost(), late, "{what}");
    }

    async fn available(&self) -> Option<i64> {
        let level = self.inventory.level(&self.sku).await.expect("the store is there");
        level.map(|level| level.available)
    }

    /// The units of each receipt, by reference, and whether it was refused.
    async fn receipts(&self) -> Vec<(String, i64, bool)> {
        let items = self.store.scan(Table::Inventory, None, 100).await;
        let items = items.expect("the store is there").into_iter();
        let receipts = items.filter(|item| item.key.sort.starts_with("receipt#"));
        let receipts = receipts.map(|item| row::decode::<Receipt>(&item).expect("a receipt").value);
        receipts.map(|it| (it.reference.to_string(), it.units, it.refused)).collect()
    }
}

fn recorded(available: i64) -> ReceiptOutcome {
    ReceiptOutcome::Recorded(Level { available, reserved: 0, sold: 0 })
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_off_never_takes_effect_later() {
    let world = World::new();
    world.received("delivery", 5).await;
    world.lose("broken", -5).await;
    // In between somebody takes one of the five.
    assert_eq!(world.received("stolen", -1).await, recorded(4));
    assert_eq!(world.received("broken", -5).await, ReceiptOutcome::NotEnough);
    let refused = ("broken".to_owned(), -5, true);
    assert!(world.receipts().await.contains(&refused), "the refusal is durable");
    // From here on there would be enough.
    assert_eq!(world.received("more", 10).await, recorded(14));
    world.assert_late_is_refused("an attempt of before the refusal");
    assert_eq!(world.available().await, Some(14));
}

#[tokio::test(start_paused = true)]
async fn each_refusal_ends_the_attempts_before_it() {
    let world = World::new();
    world.received("delivery", 5).await;
    assert_eq!(world.received("broken", -9).await, ReceiptOutcome::NotEnough);
    world.received("found", 4).await;
    world.lose("broken", -9).await;
    world.received("lost again", -4).await;
    for again in 0..2 {
        let outcome = world.received("broken", -9).await;
        assert_eq!(outcome, ReceiptOutcome::NotEnough, "again {again}");
    }
    world.received("more", 10).await;
    world.assert_late_is_refused("an attempt between two refusals");
    assert_eq!(world.available().await, Some(15));
}

#[tokio::test(start_paused = true)]
async fn a_refused_delivery_never_takes_effect_later() {
    let world = World::new();
    world.received("delivery", 5).await;
    world.lose("huge", STOCK_MAX - 5).await;
    world.received("more", 1).await;
    assert_eq!(world.received("huge", STOCK_MAX - 5).await, ReceiptOutcome::TooMuch);
    world.received("broken", -1).await;
    world.assert_late_is_refused("a delivery of before the refusal");
    assert_eq!(world.available().await, Some(5));
}

#[tokio::test(start_paused = true)]
async fn a_refused_reference_may_be_tried_again_until_it_is_recorded() {
    let world = World::new();
    // Before anything was received, and then with too little there.
    assert_eq!(world.received("broken", -5).await, ReceiptOutcome::NotEnough);
    assert_eq!(world.available().await, None, "a refusal makes no ledger");
    world.received("delivery", 4).await;
    for (units, outcome) in [
        (-5, ReceiptOutcome::NotEnough),
        (-6, ReceiptOutcome::NotEnough),
        (-3, recorded(1)),
        (-3, recorded(1)),
        (-1, ReceiptOutcome::ReferenceReused),
        (-5, ReceiptOutcome::ReferenceReused),
    ] {
        assert_eq!(world.received("broken", units).await, outcome, "{units}");
    }
    let receipts = [("broken".to_owned(), -3, false), ("delivery".to_owned(), 4, false)];
    assert_eq!(world.receipts().await, receipts);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_answered_only_once_it_is_durable() {
    for (fault, answered) in
        [(Fault::Unavailable, false), (Fault::Lost, true), (Fault::Unanswered, true)]
    {
        let world = World::new();
        world.received("delivery", 4).await;
        world.store.fail_commits([fault]);
        let outcome = world.receive("broken", -5).await.ok();
        assert_eq!(outcome, answered.then_some(ReceiptOutcome::NotEnough), "{fault:?}");
        let refused = world.receipts().await.iter().any(|(.., refused)| *refused);
        assert_eq!(refused, answered, "{fault:?}");
    }
}
