//! Stock: the ledger's buckets and the reservations that move units through them.

mod decide;
mod ledger;

use serde::{Deserialize, Serialize};

pub use decide::{Command, Decision, Rejection, decide};
pub use ledger::{Allocation, Bucket, Flow, Move, allocate, spread};

use crate::{OrderId, Sku, Timestamp};

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Wanted; the gate may hold units, the ledger does not.
    Trying,
    /// The ledger holds all lines.
    Reserved,
    /// There was not enough: final unless the order is confirmed all the same.
    Rejected,
    /// Sold: final.
    Sold,
    /// Given back, or canceled before it was ever tried.
    Released,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Trying, Self::Reserved, Self::Rejected, Self::Sold, Self::Released];
}

/// A line of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// Each SKU stands in a reservation once.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
    /// Where the ledger took them from; empty until it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<Allocation>,
}

/// The stock of one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reservation {
    /// The order.
    pub order_id: OrderId,
    /// Where it stands.
    pub state: State,
    /// By SKU, ascending; none in the tombstone of a cancel that came first.
    pub lines: Vec<Line>,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Counts the events written about it by the inventory service.
    pub events: u32,
}
