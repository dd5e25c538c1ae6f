//! A product, and what an operator may say of it.

use serde::{Deserialize, Serialize};

use super::{CategoryPath, InvalidPricing, Offer, Pricing};
use crate::{
    Money, Sku, Timestamp,
    event::ProductChanged,
    limits::{DESCRIPTION_MAX, PRODUCT_CATEGORIES_MAX, PRODUCT_NAME_MAX},
};

/// A product, as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its key.
    pub sku: Sku,
    /// Counts its changes, from 1; each one wrote an event.
    pub version: u32,
    /// What people read of it.
    pub text: Text,
    /// What it costs.
    pub pricing: Pricing,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// What people read of a product, and find it by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// What people call it.
    pub name: String,
    /// What there is to say of it; may be empty.
    #[serde(default)]
    pub description: String,
    /// Where it is found, each once, in order.
    #[serde(default)]
    pub categories: Vec<CategoryPath>,
}

/// A wish to change a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has this name and base price from now on, is created if it is not there, and keeps
    /// what is not given.
    Put {
        /// What people call it.
        name: String,
        /// For one unit: see [`Pricing::with_base`].
        price: Money,
        /// What there is to say of it.
        description: Option<String>,
        /// Where it is found.
        categories: Option<Vec<CategoryPath>>,
    },
    /// It costs this from now on.
    Reprice(Pricing),
}

/// A product that cannot be sold as described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No name, or too long a one.
    #[error("a name has 1 to {PRODUCT_NAME_MAX} characters")]
    Name,
    /// Too long.
    #[error("a description has at most {DESCRIPTION_MAX} characters")]
    Description,
    /// Too many.
    #[error("a product is in at most {PRODUCT_CATEGORIES_MAX} categories")]
    Categories,
    /// Nobody could sell by it.
    #[error(transparent)]
    Pricing(#[from] InvalidPricing),
    /// There is no such product: it has to be put first.
    #[error("there is no such product")]
    Unknown,
}

/// The product after the change; `None` when that changes nothing.
///
/// # Errors
/// [`Invalid`] names what is wrong.
pub fn change(
    sku: &Sku,
    before: Option<&Product>,
    change: Change,
    now: Timestamp,
) -> Result<Option<Product>, Invalid> {
    let (text, pricing) = match change {
        Change::Put { name, price, description, categories } => {
            let old = before.map(|before| before.text.clone()).unwrap_or_default();
            let mut text = Text {
                name,
                description: description.unwrap_or(old.description),
                categories: categories.unwrap_or(old.categories),
            };
            text.categories.sort();
            text.categories.dedup();
            let old = before.map(|before| before.pricing.clone());
            let pricing = match old {
                Some(old) => old.with_base(price),
                None => Pricing::fixed(price),
            };
            (text, pricing)
        }
        Change::Reprice(pricing) => (before.ok_or(Invalid::Unknown)?.text.clone(), pricing),
    };
    check_text(&text)?;
    let pricing = pricing.checked()?;
    if before.is_some_and(|before| before.text == text && before.pricing == pricing) {
        return Ok(None);
    }
    let version = before.map_or(0, |before| before.version).saturating_add(1);
    Ok(Some(Product { sku: sku.clone(), version, text, pricing, changed_at: now }))
}

impl Product {
    /// What the other services are told of it.
    #[must_use]
    pub fn changed(&self) -> ProductChanged {
        ProductChanged {
            version: self.version,
            name: self.text.name.clone(),
            pricing: self.pricing.clone(),
        }
    }

    /// It, as orders see it.
    #[must_use]
    pub fn offer(&self) -> Offer {
        Offer::told(self.sku.clone(), &self.changed())
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Invalid> {
    if name.trim().is_empty() || name.chars().count() > PRODUCT_NAME_MAX {
        return Err(Invalid::Name);
    }
    Ok(())
}

fn check_text(text: &Text) -> Result<(), Invalid> {
    check_name(&text.name)?;
    if text.description.chars().count() > DESCRIPTION_MAX {
        return Err(Invalid::Description);
    }
    if text.categories.len() > PRODUCT_CATEGORIES_MAX {
        return Err(Invalid::Categories);
    }
    Ok(())
}
