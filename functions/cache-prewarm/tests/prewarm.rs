//! The prewarmer on the embedded store and gate.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    ports::{Clock, Notice, Notices, StockGate},
    stock::{Inventory, Settings},
};
use lmall_cache_prewarm::{Drifted, Parts, Report, handle};
use lmall_domain::Sku;
use lmall_embedded::{Embedded, LocalGate};
use lmall_runtime::SystemClock;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Remembers what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<Notice>>);

#[async_trait]
impl Notices for Told {
    async fn tell(&self, notice: Notice) {
        self.0.lock().expect("nobody panicked").push(notice);
    }
}

struct World {
    gate: Arc<LocalGate>,
    told: Arc<Told>,
    parts: Parts,
    _embedded: Embedded,
    _dir: TempDir,
}

/// Two SKUs with ten units each; the gate knows neither.
async fn world() -> World {
    let dir = TempDir::new().expect("a temporary directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let embedded = Embedded::open(dir.path(), Arc::clone(&clock)).expect("a data directory");
    let settings = Settings { reservation_grace: Duration::ZERO, buckets: 1 };
    let full = Inventory::new(embedded.store(), embedded.gate(), Arc::clone(&clock), settings);
    for sku in ["cup-blue", "tea-01"] {
        let reference = "first".parse().expect("a reference");
        full.receive(&sku.parse().expect("a SKU"), reference, 10, None).await.expect("received");
    }
    let (gate, told) = (Arc::new(LocalGate::default()), Arc::new(Told::default()));
    let inventory = Inventory::new(embedded.store(), gate.clone(), clock, settings);
    let parts = Parts { inventory, notices: told.clone() };
    World { gate, told, parts, _embedded: embedded, _dir: dir }
}

impl World {
    async fn call(&self, input: Value) -> Report {
        handle(input, &self.parts).await.expect("an answer")
    }

    async fn available(&self, sku: &str) -> Option<i64> {
        let snapshot = self.gate.snapshot(&sku.parse().expect("a SKU")).await.expect("answers");
        snapshot.map(|snapshot| snapshot.available)
    }
}

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("a sample")).expect("JSON")
}

fn found(rebuilt: usize, unknown: usize) -> Report {
    Report { rebuilt, checked: 2, unknown, drifted: Vec::new() }
}

#[tokio::test]
async fn a_rebuild_opens_every_sku_and_finds_that_the_sums_agree() {
    let world = world().await;
    assert_eq!(world.call(sample("cache-prewarm-rebuild.json")).await, found(2, 0));
    assert_eq!(world.available("cup-blue").await, Some(10));
    assert_eq!(world.call(sample("cache-prewarm-rebuild.json")).await, found(2, 0), "again");
    assert_eq!(world.told.0.lock().expect("nobody panicked").len(), 0);
}

#[tokio::test]
async fn only_the_named_skus_are_rebuilt_before_the_check() {
    let world = world().await;
    let one = json!({ "mode": "rebuild", "skus": ["tea-01", "none-such"] });
    assert_eq!(world.call(one).await, found(1, 1));
    assert_eq!(world.available("cup-blue").await, Some(10), "the check opened it");
    assert_eq!(world.call(sample("cache-prewarm-rebuild-skus.json")).await, found(2, 0));
}

#[tokio::test]
async fn drift_is_found_told_and_healed() {
    for input in ["cache-prewarm-schedule.json", "cache-prewarm-check.json"] {
        let world = world().await;
        assert_eq!(world.call(sample(input)).await, found(0, 2), "{input}");
        let sku: Sku = "tea-01".parse().expect("a SKU");
        world.gate.credit(&sku, 0, 3).await.expect("the gate answers");
        let drifted = vec![Drifted { sku, units: 3 }];
        let expected = Report { drifted, ..found(0, 0) };
        assert_eq!(world.call(sample(input)).await, expected, "{input}");
        assert_eq!(world.available("tea-01").await, Some(10), "{input}");
        let told = world.told.0.lock().expect("nobody panicked").clone();
        assert_eq!(told, [Notice::GateDrifted { skus: 1 }], "{input}");
    }
}

#[tokio::test]
async fn a_bad_wish_is_refused_by_its_field() {
    let world = world().await;
    for (input, named) in [
        (json!({}), "the input: missing field `mode`"),
        (json!({ "mode": "wipe" }), "mode: unknown variant"),
        (json!({ "mode": "check", "sku": [] }), "sku: unknown field"),
        (json!({ "mode": "rebuild", "skus": ["a b"] }), "skus[0]: "),
        (json!({ "mode": "check", "skus": ["tea-01"] }), "skus: "),
        (json!({ "mode": "rebuild", "skus": vec!["tea-01"; 101] }), "skus: 101 of them"),
    ] {
        let error = handle(input.clone(), &world.parts).await.expect_err("bad").to_string();
        assert!(error.starts_with(named), "{input} gives: {error}");
    }
    assert_eq!(world.available("tea-01").await, None, "nothing was done");
}
