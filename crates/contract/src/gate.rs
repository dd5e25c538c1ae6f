//! What every stock gate promises.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use lmall_app::ports::{GateAnswer, StockGate};
use lmall_domain::{OrderId, Sku, stock::Allocation};

/// The order of that number.
///
/// # Panics
/// When it is 0.
#[must_use]
pub fn order(number: u64) -> OrderId {
    OrderId::new(number).expect("not 0")
}

/// The SKU that is sold.
///
/// # Panics
/// Never.
#[must_use]
pub fn sku() -> Sku {
    "tea-01".parse().expect("a SKU")
}

async fn opened(gate: &dyn StockGate, buckets: Vec<(u8, i64)>) {
    let epoch = gate.close(&sku()).await.expect("the gate answers");
    assert!(gate.open(&sku(), epoch, buckets, Vec::new()).await.expect("the gate answers"));
}

async fn hold(gate: &dyn StockGate, number: u64, quantity: u32) -> Option<u32> {
    match gate.hold(&sku(), order(number), quantity).await.expect("the gate answers") {
        GateAnswer::Granted(allocations) => {
            Some(allocations.iter().map(|allocation| allocation.quantity).sum())
        }
        GateAnswer::SoldOut => None,
        GateAnswer::Unknown => panic!("the SKU is open"),
    }
}

async fn available(gate: &dyn StockGate) -> Option<i64> {
    let snapshot = gate.snapshot(&sku()).await.expect("the gate answers");
    snapshot.map(|snapshot| snapshot.available)
}

/// Holds are all or nothing, once an order; the order that took the last unit still has it.
pub async fn holds(gate: &dyn StockGate) {
    opened(gate, vec![(0, 2), (1, 1)]).await;
    assert_eq!(hold(gate, 1, 3).await, Some(3));
    assert_eq!(hold(gate, 2, 1).await, None);
    assert_eq!(hold(gate, 1, 3).await, Some(3));
    assert_eq!(available(gate).await, Some(0));
    for _ in 0..2 {
        gate.cancel(&sku(), order(1)).await.expect("the gate answers");
        assert_eq!(available(gate).await, Some(3));
    }
    assert_eq!(hold(gate, 2, 1).await, Some(1));
    for _ in 0..2 {
        gate.settle(&sku(), order(2)).await.expect("the gate answers");
        gate.cancel(&sku(), order(2)).await.expect("the gate answers");
        assert_eq!(available(gate).await, Some(2));
    }
    gate.credit(&sku(), 7, 5).await.expect("the gate answers");
    assert_eq!(hold(gate, 3, 7).await, Some(7));
}

/// A SKU is unknown until it is opened in its current epoch, with nothing having happened.
pub async fn epochs(gate: &dyn StockGate) {
    let sku = &sku();
    let unknown = async || {
        let answer = gate.hold(sku, order(1), 1).await.expect("the gate answers");
        answer == GateAnswer::Unknown && available(gate).await.is_none()
    };
    let close = async || gate.close(sku).await.expect("the gate answers");
    let open = async |epoch| {
        let held = vec![(order(9), vec![Allocation { bucket: 0, quantity: 2 }])];
        gate.open(sku, epoch, vec![(0, 5)], held).await.expect("the gate answers")
    };
    assert!(unknown().await);
    let old = close().await;
    let epoch = close().await;
    assert!(!open(old).await && unknown().await, "an epoch that has passed");
    gate.cancel(sku, order(8)).await.expect("the gate answers");
    assert!(!open(epoch).await && unknown().await, "something was cancelled");
    let epoch = close().await;
    gate.settle(sku, order(8)).await.expect("the gate answers");
    assert!(!open(epoch).await && unknown().await, "something was settled");
    let epoch = close().await;
    gate.credit(sku, 0, 1).await.expect("the gate answers");
    assert!(!open(epoch).await && unknown().await, "something was credited");
    let epoch = close().await;
    assert!(open(epoch).await);
    assert_eq!(available(gate).await, Some(5));
    assert_eq!(hold(gate, 9, 2).await, Some(2), "a hold that was brought along");
    assert_eq!(hold(gate, 1, 1).await, Some(1));
    assert!(open(epoch).await, "asked again");
    assert_eq!(available(gate).await, Some(4), "and nothing was forgotten");
    close().await;
    assert!(unknown().await);
}

/// A SKU may have more holds than one command can carry.
pub async fn many_holds(gate: &dyn StockGate) {
    const HOLDS: u64 = 10_000;
    let sku = &sku();
    let held = |number| vec![Allocation { bucket: u8::from(number % 2 == 1), quantity: 2 }];
    let holds: Vec<_> = (1..=HOLDS).map(|number| (order(number), held(number))).collect();
    let epoch = gate.close(sku).await.expect("the gate answers");
    let opened = gate.open(sku, epoch, vec![(0, 1), (1, 1)], holds.clone()).await;
    assert!(opened.expect("the gate answers"));
    let snapshot = gate.snapshot(sku).await.expect("the gate answers").expect("it is open");
    assert_eq!(snapshot.available, 2);
    assert_eq!(snapshot.holds, (1..=HOLDS).map(|number| (order(number), 2)).collect::<Vec<_>>());
    let opened = gate.open(sku, epoch, vec![(0, 9)], holds).await;
    assert!(opened.expect("the gate answers"), "asked again");
    gate.cancel(sku, order(HOLDS)).await.expect("the gate answers");
    assert_eq!(available(gate).await, Some(4));
}

/// Many buyers at once get what there is, each once, and nobody more.
pub async fn concurrent_holds(gate: &dyn StockGate) {
    const UNITS: u64 = 50;
    opened(gate, vec![(0, 20), (1, 20), (2, 10)]).await;
    // Each buyer asks twice at the same time.
    let buyers = (1..=4 * UNITS).flat_map(|number| [number, number]);
    let answers = join_all(buyers.map(async |number| (number, hold(gate, number, 1).await))).await;
    let granted: BTreeSet<_> =
        answers.iter().filter(|(_, units)| *units == Some(1)).map(|(number, _)| *number).collect();
    assert_eq!(u64::try_from(granted.len()), Ok(UNITS));
    let again = answers.iter().filter(|(number, _)| granted.contains(number));
    assert!(again.map(|(_, units)| *units).all(|units| units == Some(1)));
    assert_eq!(available(gate).await, Some(0));
}
