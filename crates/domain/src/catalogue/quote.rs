//! What some units cost, and why.

use crate::{
    Money, Sku, Timestamp,
    catalogue::Offer,
    money::Currency,
    order::{LineRequest, PlaceRejection},
};

/// A price before any rule, and how long it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPrice {
    /// For one unit.
    pub price: Money,
    /// From when; always without it.
    pub from: Option<Timestamp>,
    /// Until just before when; for ever without it.
    pub until: Option<Timestamp>,
}

/// A rule that took something off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which.
    pub rule: String,
    /// How much, of one unit.
    pub off: Money,
}

/// What one unit costs, and why: the list price less what the rules took off, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPrice {
    /// Before any rule.
    pub list: ListPrice,
    /// Which rules applied, in that order.
    pub applied: Vec<Applied>,
    /// After them.
    pub price: Money,
}

/// What a line costs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// What.
    pub sku: Sku,
    /// Its name.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// What one unit costs.
    pub unit: UnitPrice,
    /// What all of them cost.
    pub total: Money,
}

/// What some lines cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// As they were asked for.
    pub lines: Vec<QuotedLine>,
    /// Their sum.
    pub total: Money,
}

/// What the lines cost now: `offers` has what the catalogue says of each, in the same order. In
/// which currency? In `currency`, or in each product's own, which must be the same then.
///
/// # Errors
/// [`PlaceRejection`] names the first line that has no price.
pub fn quote(
    lines: &[LineRequest],
    offers: &[Option<Offer>],
    currency: Option<Currency>,
    now: Timestamp,
) -> Result<Quote, PlaceRejection> {
    let mut quoted = Vec::with_capacity(lines.len());
    let mut total: Option<Money> = None;
    for (line, offer) in lines.iter().zip(offers) {
        let sku = || line.sku.clone();
        let Some(offer) = offer else {
            return Err(PlaceRejection::UnknownSku { sku: sku() });
        };
        let currency = currency.unwrap_or(offer.pricing.base.currency);
        let sum = total.unwrap_or(Money::zero(currency));
        if sum.currency != currency {
            return Err(PlaceRejection::MixedCurrencies { sku: sku() });
        }
        let unit = offer.pricing.unit(line.quantity, currency, now);
        let unit = unit.ok_or_else(|| PlaceRejection::NotSold { sku: sku(), currency })?;
        let line_total = unit.price.times(line.quantity).map_err(|_| PlaceRejection::Total)?;
        total = Some(sum.plus(line_total).map_err(|_| PlaceRejection::Total)?);
        quoted.push(QuotedLine {
            sku: sku(),
            name: offer.name.clone(),
            quantity: line.quantity,
            unit,
            total: line_total,
        });
    }
    Ok(Quote { lines: quoted, total: total.ok_or(PlaceRejection::LineCount)? })
}
