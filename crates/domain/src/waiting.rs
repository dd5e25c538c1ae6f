//! The waiting room of one SKU in a flash sale: who stands where, and who is let through when.
//!
//! Customers are let through in the order in which they came, never faster than the room's rate,
//! and never more of them than there are units to be had: what was sold and what is promised to
//! those who were let through and have not ordered yet is at most what is for sale.

mod estimate;
mod event;
mod line;
mod pace;
mod room;
pub mod settings;
mod standing;

pub use estimate::Estimate;
pub use event::{Event, Outcome};
pub use pace::{Pace, Window};
pub use room::{PLACES_MAX, ROUND_MAX, Room};
pub use settings::{InvalidSettings, Settings};
pub use standing::{Arrival, Standing, Summary};

use serde::{Deserialize, Serialize};

use crate::{CustomerId, Sku, Timestamp};

/// The right of one customer to order one SKU once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// What may be ordered.
    pub sku: Sku,
    /// By whom.
    pub customer_id: CustomerId,
    /// When the room was opened: it tells rooms of one SKU apart.
    pub opened_at: Timestamp,
    /// The place in the room, from 0, in the order of arrival.
    pub place: u32,
    /// How many units at most.
    pub quantity: u32,
    /// Until when.
    pub expires_at: Timestamp,
}
