//! Orders: what was ordered, what was paid, and where it stands.

mod decide;
mod place;

use serde::{Deserialize, Serialize};

pub use decide::{Command, Decision, Rejection, decide};
pub use place::{LineRequest, PlaceOrder, PlaceRejection, merge_lines, place};

use crate::{
    CustomerId, Money, OrderId, Sku, Timestamp,
    event::{CancelReason, SkuQuantity},
};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Placed, not fully paid.
    Pending,
    /// Paid, waiting for stock.
    Paid,
    /// Paid, and its stock is held or sold.
    Confirmed,
    /// Waiting for its stock to be released.
    Canceling,
    /// Ended without a sale.
    Canceled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Paid, Self::Confirmed, Self::Canceling, Self::Canceled];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::Confirmed => "CONFIRMED",
            Self::Canceling => "CANCELING",
            Self::Canceled => "CANCELED",
        }
    }

    /// Whether the order still has to reach CONFIRMED or CANCELED.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Paid | Self::Canceling => true,
            Self::Confirmed | Self::Canceled => false,
        }
    }
}

/// What the order knows of its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stock {
    /// Not answered yet.
    Pending,
    /// Reserved for this order.
    Held,
    /// There was not enough.
    Refused,
    /// Given back.
    Released,
    /// Sold to this order.
    Sold,
}

/// A line, priced when the order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// Each SKU stands in an order once.
    pub sku: Sku,
    /// The product's name at that time.
    pub name: String,
    /// Units.
    pub quantity: u32,
    /// The price of one unit at that time.
    pub unit_price: Money,
}

impl Line {
    /// The price of all units.
    #[must_use]
    pub fn total(&self) -> Money {
        // `place` has computed it within range.
        Money::new(
            self.unit_price.amount.saturating_mul(i64::from(self.quantity)),
            self.unit_price.currency,
        )
    }
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who placed it.
    pub customer_id: CustomerId,
    /// Where it stands.
    pub status: Status,
    /// What it knows of its stock.
    pub stock: Stock,
    /// By SKU, ascending.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// What providers captured, in minor units of the total's currency.
    pub captured: i64,
    /// What providers gave back, likewise.
    pub refunded: i64,
    /// What this order asked to be given back, likewise. Never more than `captured`.
    pub refund_requested: i64,
    /// Counts the refunds asked for, in any currency.
    pub refunds: u32,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it is canceled unless it is paid.
    pub pay_by: Timestamp,
    /// Why it is being or was canceled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<CancelReason>,
    /// Counts the events written about it by the order service.
    pub events: u32,
}

impl Order {
    /// Its lines as inventory sees them.
    #[must_use]
    pub fn sku_quantities(&self) -> Vec<SkuQuantity> {
        let line = |line: &Line| SkuQuantity { sku: line.sku.clone(), quantity: line.quantity };
        self.lines.iter().map(line).collect()
    }
}
