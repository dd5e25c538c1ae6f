//! What one unit of a product costs: prices that begin and end, and rules that take off from
//! them.
//!
//! *Prices.* Of the prices in one currency that are in force, the one that began last is the list
//! price. Where none is in force, the base price is, in its own currency, for ever; in any other
//! currency the product is not sold then. Two prices cannot begin at once in one currency.
//!
//! *Rules.* Those in force apply in the order of their priority, smallest first, then by id, each
//! to what the one before has left. An exclusive rule applies only where none did before, and
//! none applies after it. Of a rule's steps, the one with the greatest quantity that the line
//! reaches counts. What a rule takes off is rounded half up to a whole minor unit: what anybody
//! computes by hand, and never to the customer's loss. One minor unit is always left, for an
//! order of total 0 could never be paid.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Applied, ListPrice, UnitPrice};
use crate::{
    Money, Timestamp,
    limits::{PRICES_MAX, QUANTITY_MAX, RULE_ID_MAX, RULE_STEPS_MAX, RULES_MAX, UNIT_PRICE_MAX},
    money::Currency,
};

/// All of a price, in hundredths of a percent.
const WHOLE: i64 = 10_000;

/// What one unit of a product costs, when, in which currency, and for whom it is less.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pricing {
    /// The price where nothing else says one; its currency is the product's own.
    pub base: Money,
    /// Prices with a beginning, in any currency.
    #[serde(default)]
    pub prices: Vec<Price>,
    /// What takes off from them.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A price from some time on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// For one unit.
    pub price: Money,
    /// From when.
    pub from: Timestamp,
    /// Until just before when; for ever without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What takes off from a list price.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// The operator's name for it, unique in the product.
    pub id: String,
    /// Smaller ones apply first.
    pub priority: u16,
    /// Whether it applies alone or not at all.
    #[serde(default)]
    pub exclusive: bool,
    /// From when; always without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until just before when; for ever without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What it takes off, by quantity.
    pub steps: Vec<Step>,
}

/// What a rule takes off from this quantity on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Units of the line.
    pub min_quantity: u32,
    /// What is taken off each of them.
    pub off: Off,
}

/// What is taken off one unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Hundredths of a percent.
    BasisPoints(u32),
    /// An amount; nothing in another currency.
    Amount(Money),
}

/// Pricing that nobody could sell by. The index is that of the price or rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPricing {
    /// Free, negative or absurdly dear.
    #[error("a price is 1 to {UNIT_PRICE_MAX} minor units")]
    Base,
    /// Too many prices.
    #[error("a product has at most {PRICES_MAX} prices")]
    PriceCount,
    /// The same, of a price with a beginning.
    #[error("a price is 1 to {UNIT_PRICE_MAX} minor units")]
    Price(usize),
    /// It ends before it begins.
    #[error("a price ends after it begins")]
    PriceWindow(usize),
    /// Nobody could say which of the two is in force.
    #[error("another price in this currency begins at the same time")]
    PriceTwice(usize),
    /// Too many rules.
    #[error("a product has at most {RULES_MAX} rules")]
    RuleCount,
    /// No id, too long a one, or one that another rule has.
    #[error("a rule has an id of 1 to {RULE_ID_MAX} characters that no other rule has")]
    RuleId(usize),
    /// It ends before it begins.
    #[error("a rule ends after it begins")]
    RuleWindow(usize),
    /// Steps that say nothing, or two things.
    #[error(
        "a rule has 1 to {RULE_STEPS_MAX} steps; their quantities grow, from 1 to {QUANTITY_MAX}"
    )]
    Steps(usize),
    /// It would take off nothing, or everything.
    #[error("a step takes off 1 to 9999 basis points, or 1 to {UNIT_PRICE_MAX} minor units")]
    Off(usize),
}

impl Pricing {
    /// One price, for ever.
    #[must_use]
    pub const fn fixed(base: Money) -> Self {
        Self { base, prices: Vec::new(), rules: Vec::new() }
    }

    /// The same, if it can be sold by.
    ///
    /// # Errors
    /// [`InvalidPricing`] names the first thing that is wrong.
    pub fn checked(self) -> Result<Self, InvalidPricing> {
        if !can_be_paid(self.base) {
            return Err(InvalidPricing::Base);
        }
        if self.prices.len() > PRICES_MAX {
            return Err(InvalidPricing::PriceCount);
        }
        let mut begun = BTreeSet::new();
        for (index, price) in self.prices.iter().enumerate() {
            check_price(index, price)?;
            if !begun.insert((price.price.currency.code(), price.from)) {
                return Err(InvalidPricing::PriceTwice(index));
            }
        }
        if self.rules.len() > RULES_MAX {
            return Err(InvalidPricing::RuleCount);
        }
        let mut ids = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            check_rule(index, rule)?;
            if !ids.insert(rule.id.as_str()) {
                return Err(InvalidPricing::RuleId(index));
            }
        }
        Ok(self)
    }

    /// The same with another base price, which nothing in its currency or in that of the old one
    /// is before: the product costs this from now on, less what rules take off.
    #[must_use]
    pub fn with_base(mut self, base: Money) -> Self {
        let gone = [self.base.currency, base.currency];
        self.prices.retain(|price| !gone.contains(&price.price.currency));
        Self { base, ..self }
    }

    /// The list price in that currency; `None` when it is not sold in it then.
    #[must_use]
    pub fn list(&self, currency: Currency, now: Timestamp) -> Option<ListPrice> {
        let in_force = self.prices.iter().filter(|price| {
            price.price.currency == currency && within(Some(price.from), price.until, now)
        });
        let latest = in_force.max_by_key(|price| price.from).map(|price| ListPrice {
            price: price.price,
            from: Some(price.from),
            until: price.until,
        });
        let base = ListPrice { price: self.base, from: None, until: None };
        latest.or_else(|| (self.base.currency == currency).then_some(base))
    }

    /// What each of `quantity` units costs in that currency, and why; `None` when it is not sold
    /// in it then.
    #[must_use]
    pub fn unit(&self, quantity: u32, currency: Currency, now: Timestamp) -> Option<UnitPrice> {
        let list = self.list(currency, now)?;
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by(|left, right| (left.priority, &left.id).cmp(&(right.priority, &right.id)));
        let mut left = list.price.amount;
        let mut applied: Vec<Applied> = Vec::new();
        for rule in rules.into_iter().filter(|rule| within(rule.from, rule.until, now)) {
            if rule.exclusive && !applied.is_empty() {
                continue;
            }
            let off = rule.off(left, quantity, currency);
            if off == 0 {
                continue;
            }
            left -= off;
            applied.push(Applied { rule: rule.id.clone(), off: Money::new(off, currency) });
            if rule.exclusive {
                break;
            }
        }
        Some(UnitPrice { list, applied, price: Money::new(left, currency) })
    }
}

impl Rule {
    /// What it takes off a unit that costs `price`: never so much that nothing would be left.
    fn off(&self, price: i64, quantity: u32, currency: Currency) -> i64 {
        let reached = self.steps.iter().filter(|step| step.min_quantity <= quantity);
        let Some(step) = reached.max_by_key(|step| step.min_quantity) else { return 0 };
        let off = match step.off {
            Off::BasisPoints(points) => {
                price.saturating_mul(i64::from(points)).saturating_add(WHOLE / 2) / WHOLE
            }
            Off::Amount(money) if money.currency == currency => money.amount,
            Off::Amount(_) => 0,
        };
        off.clamp(0, price.saturating_sub(1).max(0))
    }
}

fn within(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> bool {
    from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
}

fn can_be_paid(price: Money) -> bool {
    (1..=UNIT_PRICE_MAX).contains(&price.amount)
}

fn check_price(index: usize, price: &Price) -> Result<(), InvalidPricing> {
    if !can_be_paid(price.price) {
        return Err(InvalidPricing::Price(index));
    }
    if price.until.is_some_and(|until| until <= price.from) {
        return Err(InvalidPricing::PriceWindow(index));
    }
    Ok(())
}

fn check_rule(index: usize, rule: &Rule) -> Result<(), InvalidPricing> {
    if !(1..=RULE_ID_MAX).contains(&rule.id.chars().count()) {
        return Err(InvalidPricing::RuleId(index));
    }
    if rule.from.is_some_and(|from| rule.until.is_some_and(|until| until <= from)) {
        return Err(InvalidPricing::RuleWindow(index));
    }
    let quantities: Vec<_> = rule.steps.iter().map(|step| step.min_quantity).collect();
    let counted = (1..=RULE_STEPS_MAX).contains(&quantities.len());
    let known = quantities.iter().all(|quantity| (1..=QUANTITY_MAX).contains(quantity));
    if !counted || !known || !quantities.is_sorted_by(|left, right| left < right) {
        return Err(InvalidPricing::Steps(index));
    }
    let fits = |off: &Off| match off {
        Off::BasisPoints(points) => (1..=9_999).contains(points),
        Off::Amount(money) => can_be_paid(*money),
    };
    if !rule.steps.iter().all(|step| fits(&step.off)) {
        return Err(InvalidPricing::Off(index));
    }
    Ok(())
}
