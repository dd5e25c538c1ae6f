//! Placing an order.

use super::{Decision, Line, Order, Status, Stock};
use crate::{
    CustomerId, OrderId, Sku, Timestamp,
    catalogue::{self, Offer},
    event::OrderCreated,
    limits::{ORDER_LINES_MAX, QUANTITY_MAX},
    money::Currency,
};

/// A line as the customer sends it: what and how many, never a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRequest {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: u32,
}

/// A wish to order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The id that the order will have.
    pub id: OrderId,
    /// Who wants it.
    pub customer_id: CustomerId,
    /// By SKU, ascending, each once: see [`merge_lines`].
    pub lines: Vec<LineRequest>,
    /// What to pay in; the products' own without it.
    pub currency: Option<Currency>,
    /// When it is canceled unless it is paid.
    pub pay_by: Timestamp,
}

/// Why a wish cannot be an order. Indexes count the lines as sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceRejection {
    /// No lines, or too many.
    #[error("an order has 1 to {ORDER_LINES_MAX} lines")]
    LineCount,
    /// None, or too many, of one SKU, over all lines that name it.
    #[error("the quantity of a SKU is 1 to {QUANTITY_MAX}")]
    Quantity {
        /// The line that is wrong or goes over.
        index: usize,
    },
    /// The catalogue does not have it.
    #[error("no product has the SKU `{sku}`")]
    UnknownSku {
        /// Which.
        sku: Sku,
    },
    /// It has no price in that currency now.
    #[error("`{sku}` is not sold in {currency:?} now")]
    NotSold {
        /// Which.
        sku: Sku,
        /// In what.
        currency: Currency,
    },
    /// One order has one currency.
    #[error("`{sku}` is sold in another currency than the lines before it")]
    MixedCurrencies {
        /// The first line in another currency than those before it.
        sku: Sku,
    },
    /// The total does not fit.
    #[error("the total is out of range")]
    Total,
}

/// Merges lines of one SKU and sorts by SKU: one transaction cannot touch a row twice, and two
/// lines that each fit could oversell together.
///
/// # Errors
/// [`PlaceRejection::LineCount`] and [`PlaceRejection::Quantity`].
pub fn merge_lines(lines: &[LineRequest]) -> Result<Vec<LineRequest>, PlaceRejection> {
    if !(1..=ORDER_LINES_MAX).contains(&lines.len()) {
        return Err(PlaceRejection::LineCount);
    }
    let mut merged: Vec<LineRequest> = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let known = merged.iter_mut().find(|other| other.sku == line.sku);
        let before = known.as_ref().map_or(0, |other| other.quantity);
        let quantity = before
            .checked_add(line.quantity)
            .filter(|sum| line.quantity > 0 && *sum <= QUANTITY_MAX)
            .ok_or(PlaceRejection::Quantity { index })?;
        match known {
            Some(other) => other.quantity = quantity,
            None => merged.push(line.clone()),
        }
    }
    merged.sort_by(|left, right| left.sku.cmp(&right.sku));
    Ok(merged)
}

/// Makes the order, with the prices of `offers`: what the catalogue has for each merged line, in
/// the same order.
///
/// # Errors
/// [`PlaceRejection`] says what is wrong with it.
pub fn place(
    wish: PlaceOrder,
    offers: &[Option<Offer>],
    now: Timestamp,
) -> Result<Decision, PlaceRejection> {
    let quote = catalogue::quote(&wish.lines, offers, wish.currency, now)?;
    let total = quote.total;
    let line = |line: catalogue::QuotedLine| Line {
        sku: line.sku,
        name: line.name,
        quantity: line.quantity,
        unit_price: line.unit.price,
    };
    let lines = quote.lines.into_iter().map(line).collect();
    let order = Order {
        id: wish.id,
        customer_id: wish.customer_id,
        status: Status::Pending,
        stock: Stock::Pending,
        lines,
        total,
        captured: 0,
        refunded: 0,
        refund_requested: 0,
        refunds: 0,
        placed_at: now,
        pay_by: wish.pay_by,
        cancel_reason: None,
        events: 1,
    };
    let created = OrderCreated {
        customer_id: order.customer_id.clone(),
        lines: order.sku_quantities(),
        total,
        pay_by: order.pay_by,
    };
    Ok(Decision::Change(order, Some(created.into())))
}
