//! The gate of one SKU, pure: what every stock gate does, in a process or as a script.
//!
//! The same calls in the same order give the same answers on every machine.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use lmall_domain::{OrderId, stock::Allocation};

use crate::ports::{GateAnswer, GateSnapshot};

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
///
/// It begins closed; every call but [`SkuGate::credit`] may be repeated.
#[derive(Debug, Clone)]
pub struct SkuGate {
    epoch: u64,
    open: bool,
    /// While closed: the ledger may have been read before or after something that happened.
    dirty: bool,
    available: BTreeMap<u8, i64>,
    holds: HashMap<OrderId, Hold>,
}

impl SkuGate {
    /// The beginning of an epoch: nothing is known until [`SkuGate::open`].
    #[must_use]
    pub fn closed(epoch: u64) -> Self {
        let (available, holds) = (BTreeMap::new(), HashMap::new());
        Self { epoch, open: false, dirty: false, available, holds }
    }

    /// Holds `quantity` units for the order, all or nothing. An order that holds units already
    /// is granted the same ones, whatever quantity it asks for.
    pub fn hold(&mut self, order_id: OrderId, quantity: u32) -> GateAnswer {
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

    /// Forgets what the order holds: its units are sold. Nothing, if it holds nothing.
    pub fn settle(&mut self, order_id: OrderId) {
        self.dirty |= !self.open;
        self.holds.remove(&order_id);
    }

    /// Puts back what the order holds, into its buckets. Nothing, if it holds nothing.
    pub fn cancel(&mut self, order_id: OrderId) {
        self.dirty |= !self.open;
        if let Some(hold) = self.holds.remove(&order_id) {
            for allocation in hold.allocations() {
                *self.available.entry(allocation.bucket).or_default() +=
                    i64::from(allocation.quantity);
            }
        }
    }

    /// Adds `units`, which may be negative, to the bucket. While closed, only that something
    /// happened is noted.
    pub fn credit(&mut self, bucket: u8, units: i64) {
        self.dirty |= !self.open;
        if self.open {
            let available = self.available.entry(bucket).or_default();
            *available = available.saturating_add(units);
        }
    }

    /// Opens with these units in each bucket and these holds, and says whether it is open now.
    /// It stays closed when `epoch` is not its own, or when anything was settled, cancelled or
    /// credited since the epoch began: then `buckets` may be out of date. Opening again
    /// changes nothing.
    pub fn open(
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

    /// The units that it would still grant, and the holds by order id, ascending; `None` while
    /// it is closed.
    #[must_use]
    pub fn snapshot(&self) -> Option<GateSnapshot> {
        self.open.then(|| {
            let mut holds: Vec<_> =
                self.holds.iter().map(|(id, hold)| (*id, hold.units())).collect();
            holds.sort_unstable();
            GateSnapshot { available: self.available.values().sum(), holds }
        })
    }

    /// One bucket that has enough, beginning at one that differs from order to order; else the
    /// fullest ones.
    fn allocate(&self, order_id: OrderId, quantity: u32) -> Option<Vec<Allocation>> {
        let wanted = i64::from(quantity);
        let buckets = u64::try_from(self.available.len()).unwrap_or(1);
        let start = usize::try_from(order_id.slot(buckets)).unwrap_or(0);
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
