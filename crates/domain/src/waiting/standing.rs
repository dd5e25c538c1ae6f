//! What a room says to those who ask.

use super::{Estimate, Event, Settings, Ticket};
use crate::Timestamp;

/// What a wish to join comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The customer has a place, or has ordered.
    Known,
    /// They get the next one.
    New(Event),
    /// All units are sold.
    SoldOut,
    /// There are [`PLACES_MAX`](super::PLACES_MAX) places already.
    Full,
}

/// Where a customer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// In line.
    Waiting {
        /// The place among those who wait, from 1.
        place: u32,
        /// When their turn is to be expected; `None` when that cannot be known.
        estimate: Option<Estimate>,
        /// How often they have to give a sign of life.
        heartbeat_ms: u32,
    },
    /// It is their turn.
    Admitted(Ticket),
    /// They have ordered.
    Ordered,
    /// It was their turn, and they did not order in time.
    Lapsed,
    /// They are still in line, and all units are sold.
    SoldOut,
}

/// A room in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How it lets customers through.
    pub settings: Settings,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Places that were ever taken.
    pub places: u32,
    /// Customers in line.
    pub waiting: u32,
    /// Customers who were let through and have not ordered yet.
    pub admitted: u32,
    /// Units promised to them.
    pub promised: u32,
    /// Units ordered.
    pub ordered: u32,
    /// Customers who left, or gave no sign of life.
    pub left: u32,
    /// Admissions that were not used.
    pub lapsed: u32,
}
