//! A product as orders see it.

use serde::{Deserialize, Serialize};

use super::{Invalid, Pricing, product};
use crate::{Money, Sku, event::ProductChanged};

/// A thing that can be ordered: what the order service keeps of a product, and prices by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Offer {
    /// Its key.
    pub sku: Sku,
    /// What people call it.
    pub name: String,
    /// Of the product: an older offer never replaces a newer one.
    pub version: u32,
    /// What it costs.
    pub pricing: Pricing,
}

impl Offer {
    /// The first version of a product with a name and one price, for ever.
    ///
    /// # Errors
    /// [`Invalid`] names what is wrong.
    pub fn new(sku: Sku, name: String, price: Money) -> Result<Self, Invalid> {
        product::check_name(&name)?;
        let pricing = Pricing::fixed(price).checked()?;
        Ok(Self { sku, name, version: 1, pricing })
    }

    /// What the catalogue says of the product.
    #[must_use]
    pub fn told(sku: Sku, changed: &ProductChanged) -> Self {
        let ProductChanged { version, name, pricing } = changed.clone();
        Self { sku, name, version, pricing }
    }
}
