//! The gate of one SKU. Pure.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use lmall_app::ports::{GateAnswer, GateSnapshot};
use lmall_domain::{OrderId, stock::Allocation};

/// Where an order's units come from. Nearly always it is one bucket, and there are as many
/// holds as open orders: so that case takes no memory of its own.
#[derive(Debug, Clone)]
enum Hold {
    One(Allocation),
    Spread(Box<[Allocation]>),
}

impl Hold {
    fn new(allocations: Vec<Allocation>) -> Self {
        match allocations[..] {
            [one] => Self::One(one),
            [] | [_, ..] => Self::Spread(allocations.into()),
        }
    }

    fn allocations(&self) -> &[Allocation] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Spread(allocations) => allocations,
        }
    }

    fn units(&self) -> i64 {
        self.allocations().iter().map(|allocation| i64::from(allocation.quantity)).sum()
    }
}

/// What the gate knows of a SKU.
pub(super) struct SkuGate {
    epoch: u64,
    open: bool,
    /// While closed: the ledger may have been read before or after something that happened.
    dirty: bool,
    available: BTreeMap<u8, i64>,
    holds: HashMap<OrderId, Hold>,
}

impl SkuGate {
    /// The beginning of an epoch: nothing is known.
    pub(super) fn closed(epoch: u64) -> Self {
        let (available, holds) = (BTreeMap::new(), HashMap::new());
        Self { epoch, open: false, dirty: false, available, holds }
    }

    pub(super) fn hold(&mut self, order_id: OrderId, quantity: u32) -> GateAnswer {
        if !self.open {
            return GateAnswer::Unknown;
        }
        // Before the stock: the order that took the last unit asks again.
        if let Some(hold) = self.holds.get(&order_id) {
            return GateAnswer::Granted(hold.allocations().to_vec());
        }
        let Some(allocations) = self.allocate(order_id, quantity) else {
            return GateAnswer::SoldOut;
        };
        for allocation in &allocations {
            *self.available.entry(allocation.bucket).or_default() -= i64::from(allocation.quantity);
        }
        self.holds.insert(order_id, Hold::new(allocations.clone()));
        GateAnswer::Granted(allocations)
    }

    pub(super) fn settle(&mut self, order_id: OrderId) {
        self.dirty |= !self.open;
        self.holds.remove(&order_id);
    }

    pub(super) fn cancel(&mut self, order_id: OrderId) {
        self.dirty |= !self.open;
        if let Some(hold) = self.holds.remove(&order_id) {
            for allocation in hold.allocations() {
                *self.available.entry(allocation.bucket).or_default() +=
                    i64::from(allocation.quantity);
            }
        }
    }

    pub(super) fn credit(&mut self, bucket: u8, units: i64) {
        self.dirty |= !self.open;
        if self.open {
            let available = self.available.entry(bucket).or_default();
            *available = available.saturating_add(units);
        }
    }

    pub(super) fn open(
        &mut self,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> bool {
        if epoch != self.epoch || self.dirty {
            return false;
        }
        // When it is open already, this call is being repeated, and holds may have come since.
        if !self.open {
            self.open = true;
            self.available = buckets.into_iter().collect();
            self.holds = holds.into_iter().map(|(id, from)| (id, Hold::new(from))).collect();
        }
        true
    }

    pub(super) fn snapshot(&self) -> Option<GateSnapshot> {
        self.open.then(|| GateSnapshot {
            available: self.available.values().sum(),
            holds: self.holds.iter().map(|(id, hold)| (*id, hold.units())).collect(),
        })
    }

    /// One bucket that has enough, beginning at one that differs from order to order; else the
    /// fullest ones.
    fn allocate(&self, order_id: OrderId, quantity: u32) -> Option<Vec<Allocation>> {
        let wanted = i64::from(quantity);
        let buckets = u64::try_from(self.available.len()).unwrap_or(1).max(1);
        // Ids count up in their low bits within a millisecond only: mix the others in.
        let mixed = order_id.get().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let start = usize::try_from(mixed % buckets).unwrap_or(0);
        let from_start = self.available.iter().cycle().skip(start).take(self.available.len());
        for (bucket, available) in from_start {
            if *available >= wanted {
                return Some(vec![Allocation { bucket: *bucket, quantity }]);
            }
        }
        let mut fullest: Vec<_> = self.available.iter().filter(|(_, units)| **units > 0).collect();
        fullest.sort_by_key(|(_, units)| Reverse(**units));
        let (mut allocations, mut missing) = (Vec::new(), quantity);
        for (bucket, units) in fullest {
            let taken = u32::try_from(*units).unwrap_or(u32::MAX).min(missing);
            allocations.push(Allocation { bucket: *bucket, quantity: taken });
            missing -= taken;
            if missing == 0 {
                return Some(allocations);
            }
        }
        None
    }
}
