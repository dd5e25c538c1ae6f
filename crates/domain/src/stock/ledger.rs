//! The ledger: where units are, bucket by bucket.

use serde::{Deserialize, Serialize};

use crate::{OrderId, Sku, limits::ALLOCATIONS_MAX};

/// A part of a SKU's stock. The buckets of a SKU add up to it; I1 holds in each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bucket {
    /// Can be reserved.
    pub available: i64,
    /// Held for orders.
    pub reserved: i64,
    /// Gone to customers.
    pub sold: i64,
    /// Everything that ever came in, less what was written off.
    pub received: i64,
}

/// Units taken from one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Allocation {
    /// The bucket's number.
    pub bucket: u8,
    /// Units, at least 1.
    pub quantity: u32,
}

/// From where to where units move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Available to reserved.
    Reserve,
    /// Reserved to available.
    Release,
    /// Reserved to sold.
    Sell,
    /// Available to sold: a confirmation that came after the reservation had lapsed.
    SellLate,
}

impl Flow {
    /// What it adds to the counters of a bucket, for `units` units.
    #[must_use]
    pub fn deltas(self, units: i64) -> Vec<(&'static str, i64)> {
        match self {
            Self::Reserve => vec![("available", -units), ("reserved", units)],
            Self::Release => vec![("reserved", -units), ("available", units)],
            Self::Sell => vec![("reserved", -units), ("sold", units)],
            Self::SellLate => vec![("available", -units), ("sold", units)],
        }
    }
}

/// One movement within one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Of this SKU.
    pub sku: Sku,
    /// In this bucket.
    pub bucket: u8,
    /// From where to where.
    pub flow: Flow,
    /// How many, at least 1.
    pub units: u32,
}

/// Finds `quantity` units among the buckets (number, available): in one bucket if any has
/// enough, beginning at one that depends on the order, so that orders spread; else in several.
#[must_use]
pub fn allocate(
    buckets: &[(u8, i64)],
    order_id: OrderId,
    quantity: u32,
) -> Option<Vec<Allocation>> {
    let count = buckets.len();
    let start = usize::try_from(order_id.slot(u64::try_from(count).ok()?)).ok()?;
    let in_turn = || buckets.iter().cycle().skip(start).take(count);
    if let Some((bucket, _)) = in_turn().find(|(_, available)| *available >= i64::from(quantity)) {
        return Some(vec![Allocation { bucket: *bucket, quantity }]);
    }
    let mut missing = quantity;
    let mut allocations = Vec::new();
    for (bucket, available) in in_turn() {
        let units = u32::try_from((*available).clamp(0, i64::from(missing))).ok()?;
        if units > 0 {
            allocations.push(Allocation { bucket: *bucket, quantity: units });
            missing -= units;
        }
    }
    (missing == 0 && allocations.len() <= ALLOCATIONS_MAX).then_some(allocations)
}

/// Spreads `units` evenly over `buckets` buckets, the first ones getting one more.
#[must_use]
pub fn spread(units: i64, buckets: u8) -> Vec<i64> {
    let count = i64::from(buckets.max(1));
    (0..count).map(|n| units / count + i64::from(n < units % count)).collect()
}
