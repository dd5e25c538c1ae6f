//! Where writes meet: the items and index partitions that all orders share.

use lmall_app::{
    ports::{Index, Table},
    row::{SHARDS, TALLY_SHARDS},
};

use super::measure::{BUCKETS, Measured};

/// Orders a second, all of one SKU.
pub(super) const ORDERS_PER_SECOND: u64 = 5_000;

/// Write units a second that one partition of DynamoDB takes, and so one item.
pub(super) const HOTTEST_MAX: u64 = 1_000;

/// Something that many orders write.
pub(super) struct Place {
    pub(super) name: String,
    /// Write units an order.
    pub(super) units: u64,
    /// Over how many it is spread.
    pub(super) spread: u64,
}

impl Place {
    /// Write units a second in each, at the orders above.
    pub(super) fn units_per_second(&self) -> u64 {
        (self.units * ORDERS_PER_SECOND).div_ceil(self.spread)
    }

    /// The fewest over which it has to be spread.
    pub(super) fn spread_min(&self) -> u64 {
        (self.units * ORDERS_PER_SECOND).div_ceil(HOTTEST_MAX)
    }
}

/// Where orders meet.
pub(super) fn places(measured: &Measured) -> Vec<Place> {
    let rows = &measured.rows;
    let item = |table, kind: &'static str, spread| {
        let units = rows.kinds.get(&(table, kind)).map_or(0, |written| written.row_units);
        Place { name: format!("{kind} (item)"), units, spread }
    };
    let mut places = vec![
        item(Table::Inventory, "bucket of the ledger", u64::from(BUCKETS)),
        item(Table::Order, "tally of ended orders", TALLY_SHARDS),
    ];
    for ((table, index), units) in &rows.indexes {
        let name = match index {
            // A customer's own; and what no order is in.
            Index::ByCustomer | Index::ByChange | Index::ByProduct => continue,
            Index::Open => "open",
            Index::OutboxPending => "outbox-pending",
            Index::Expiry => "expiry",
            Index::RefundOpen => "refund-open",
            Index::Leaving => "leaving",
        };
        let name = format!("index {name} of {table:?} (partition)").to_lowercase();
        places.push(Place { name, units: *units, spread: SHARDS });
    }
    places
}
