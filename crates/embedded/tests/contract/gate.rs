//! What every stock gate promises.

use lmall_app::ports::{GateAnswer, StockGate};
use lmall_domain::{OrderId, Sku, stock::Allocation};

pub(crate) fn order(number: u64) -> OrderId {
    OrderId::new(number).expect("not 0")
}

pub(crate) fn sku() -> Sku {
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
pub(crate) async fn holds(gate: &dyn StockGate) {
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
pub(crate) async fn epochs(gate: &dyn StockGate) {
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
