use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Hold(u64, u32),
    Settle(u64),
    Cancel(u64),
    Credit(u8, i64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..9_u64, 1..6_u32).prop_map(|(order, quantity)| Op::Hold(order, quantity)),
        1 => (1..9_u64).prop_map(Op::Settle),
        2 => (1..9_u64).prop_map(Op::Cancel),
        1 => (0..4_u8, 0..5_i64).prop_map(|(bucket, units)| Op::Credit(bucket, units)),
    ]
}

proptest! {
    /// The model is one number and a list: buckets must not show.
    #[test]
    fn buckets_together_behave_as_one_number(
        buckets in prop::collection::btree_map(0..4_u8, 0..8_i64, 1..4),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut available: i64 = buckets.values().sum();
        let mut holds = BTreeMap::<u64, u32>::new();
        let mut gate = SkuGate::closed(1);
        prop_assert!(gate.open(1, buckets.into_iter().collect(), Vec::new()));
        for op in ops {
            match op {
                Op::Hold(number, quantity) => {
                    let answer = gate.hold(OrderId::new(number).unwrap(), quantity);
                    let granted = match answer {
                        GateAnswer::Granted(from) => Some(from.iter().map(|it| it.quantity).sum()),
                        GateAnswer::SoldOut | GateAnswer::Unknown => None,
                    };
                    let wanted = i64::from(quantity);
                    if !holds.contains_key(&number) && wanted <= available {
                        available -= wanted;
                        holds.insert(number, quantity);
                    }
                    prop_assert_eq!(granted, holds.get(&number).copied());
                }
                Op::Settle(number) => {
                    gate.settle(OrderId::new(number).unwrap());
                    holds.remove(&number);
                }
                Op::Cancel(number) => {
                    gate.cancel(OrderId::new(number).unwrap());
                    available += holds.remove(&number).map_or(0, i64::from);
                }
                Op::Credit(bucket, units) => {
                    gate.credit(bucket, units);
                    available += units;
                }
            }
            let snapshot = gate.snapshot().unwrap();
            let held: Vec<_> = snapshot.holds.iter().map(|(id, units)| (id.get(), *units)).collect();
            let expected: Vec<_> = holds.iter().map(|(id, units)| (*id, i64::from(*units))).collect();
            prop_assert_eq!(held, expected);
            prop_assert_eq!(snapshot.available, available);
            prop_assert!(gate.available.values().all(|units| *units >= 0));
        }
    }
}
