//! The order service's own copy of the catalogue.

use serde::{Deserialize, Serialize};

use crate::{Money, Sku, limits};

/// A thing that can be ordered, at today's price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its key.
    pub sku: Sku,
    /// What people call it.
    pub name: String,
    /// For one unit.
    pub price: Money,
}

/// A product that cannot be sold as described.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Invalid {
    /// No name, or too long a one.
    #[error("a name has 1 to {} characters", limits::PRODUCT_NAME_MAX)]
    Name,
    /// Free, negative or absurdly dear: an order of total 0 could never be paid.
    #[error("a price is 1 to {} minor units", limits::UNIT_PRICE_MAX)]
    Price,
}

impl Product {
    /// A product with a name and a price that orders can be computed with.
    ///
    /// # Errors
    /// [`Invalid`] names what is wrong.
    pub fn new(sku: Sku, name: String, price: Money) -> Result<Self, Invalid> {
        if name.trim().is_empty() || name.chars().count() > limits::PRODUCT_NAME_MAX {
            return Err(Invalid::Name);
        }
        if !(1..=limits::UNIT_PRICE_MAX).contains(&price.amount) {
            return Err(Invalid::Price);
        }
        Ok(Self { sku, name, price })
    }
}
