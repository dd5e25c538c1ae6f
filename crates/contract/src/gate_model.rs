//! Any calls have the answers that the pure gate gives: [`SkuGate`] is the model.

use std::collections::BTreeMap;

use lmall_app::{
    gate::SkuGate,
    ports::{GateAnswer, StockGate},
};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use proptest::{collection::vec, prelude::*};

/// Beyond 2^53: a double cannot tell the orders that begin here apart.
const FIRST_ORDER: u64 = 9_007_199_254_740_993;

/// A call on one of two SKUs.
#[derive(Debug, Clone)]
pub struct Call {
    is_other_sku: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Hold(u64, u32),
    Settle(u64),
    Cancel(u64),
    Credit(u8, i64),
    Close,
    /// With the epoch of so many closes ago.
    Open(usize, BTreeMap<u8, i64>, BTreeMap<u64, Vec<(u8, u32)>>),
}

/// Any calls. Most gates are open most of the time.
pub fn calls() -> impl Strategy<Value = Vec<Call>> {
    let order = || 0..8_u64;
    let bucket = || prop_oneof![8 => 0..12_u8, 1 => Just(u8::MAX)];
    let buckets = prop::collection::btree_map(bucket(), -2..9_i64, 0..6);
    let held = vec((bucket(), 1..4_u32), 0..3);
    let holds = prop::collection::btree_map(order(), held, 0..5);
    let quantity = prop_oneof![20 => 1..7_u32, 1 => Just(u32::MAX)];
    let what = prop_oneof![
        10 => (order(), quantity).prop_map(|(order, quantity)| What::Hold(order, quantity)),
        3 => order().prop_map(What::Settle),
        4 => order().prop_map(What::Cancel),
        3 => (bucket(), -4..6_i64).prop_map(|(bucket, units)| What::Credit(bucket, units)),
        1 => Just(What::Close),
        3 => (prop_oneof![6 => Just(0), 1 => 1..3_usize], buckets, holds)
            .prop_map(|(ago, buckets, holds)| What::Open(ago, buckets, holds)),
    ];
    let call = (any::<bool>(), what).prop_map(|(is_other_sku, what)| Call { is_other_sku, what });
    vec(call, 1..80)
}

/// Makes the calls on the gate and on the model, and compares each answer and what is left.
pub async fn agrees(gate: &dyn StockGate, calls: Vec<Call>) {
    let mut pairs = Vec::new();
    for name in ["tea-01", "tea-02"] {
        let mut pair =
            Pair { gate, sku: name.parse().expect("a SKU"), model: None, epochs: vec![] };
        // What earlier calls left is gone; and most calls need a gate that is open.
        pair.close().await;
        pair.open(0, BTreeMap::from([(0, 4), (1, 2)]), BTreeMap::new()).await;
        pairs.push(pair);
    }
    for call in calls {
        let pair = &mut pairs[usize::from(call.is_other_sku)];
        pair.make(call.what).await;
        let snapshot = gate.snapshot(&pair.sku).await.expect("the gate answers");
        assert_eq!(snapshot, pair.model().snapshot());
    }
}

struct Pair<'a> {
    gate: &'a dyn StockGate,
    sku: Sku,
    model: Option<SkuGate>,
    epochs: Vec<u64>,
}

impl Pair<'_> {
    fn model(&mut self) -> &mut SkuGate {
        self.model.as_mut().expect("closed at first")
    }

    async fn make(&mut self, what: What) {
        match what {
            What::Hold(number, quantity) => self.hold(order(number), quantity).await,
            What::Settle(number) => {
                self.model().settle(order(number));
                self.gate.settle(&self.sku, order(number)).await.expect("the gate answers");
            }
            What::Cancel(number) => {
                self.model().cancel(order(number));
                self.gate.cancel(&self.sku, order(number)).await.expect("the gate answers");
            }
            What::Credit(bucket, units) => {
                self.model().credit(bucket, units);
                self.gate.credit(&self.sku, bucket, units).await.expect("the gate answers");
            }
            What::Close => self.close().await,
            What::Open(ago, buckets, holds) => self.open(ago, buckets, holds).await,
        }
    }

    async fn hold(&mut self, order_id: OrderId, quantity: u32) {
        let answer = self.gate.hold(&self.sku, order_id, quantity).await.expect("the gate answers");
        let expected = self.model().hold(order_id, quantity);
        assert_eq!(answer, expected);
        if expected == GateAnswer::Unknown {
            assert_eq!(self.model().snapshot(), None);
        }
    }

    async fn close(&mut self) {
        let epoch = self.gate.close(&self.sku).await.expect("the gate answers");
        assert!(self.epochs.iter().all(|earlier| *earlier < epoch), "epochs grow");
        self.epochs.push(epoch);
        self.model = Some(SkuGate::closed(epoch));
    }

    async fn open(
        &mut self,
        ago: usize,
        buckets: BTreeMap<u8, i64>,
        holds: BTreeMap<u64, Vec<(u8, u32)>>,
    ) {
        let epoch = self.epochs.iter().rev().nth(ago).copied().unwrap_or(0);
        let buckets: Vec<_> = buckets.into_iter().collect();
        let allocation = |(bucket, quantity)| Allocation { bucket, quantity };
        let holds: Vec<_> = holds
            .into_iter()
            .map(|(number, held)| (order(number), held.into_iter().map(allocation).collect()))
            .collect();
        let opened = self.gate.open(&self.sku, epoch, buckets.clone(), holds.clone()).await;
        let expected = self.model().open(epoch, buckets, holds);
        assert_eq!(opened.expect("the gate answers"), expected);
    }
}

fn order(number: u64) -> OrderId {
    OrderId::new(FIRST_ORDER + number).expect("not 0")
}
