//! What the catalogue asks of the world: who else has to know a price, and how products are found.

use async_trait::async_trait;
use lmall_domain::{
    Sku,
    catalogue::{CategoryPath, Product},
    event::ProductChanged,
};

use crate::failure::Failure;

/// Who prices by a copy of the catalogue, and is told at once of a change.
///
/// `product.changed` tells them for certain; this only makes it soon. Telling twice, or of an old
/// version after a newer one, changes nothing.
#[async_trait]
pub trait PriceCopies: Send + Sync {
    /// Returns when the copy has that version, or a newer one.
    ///
    /// # Errors
    /// When that is not known.
    async fn tell(&self, sku: &Sku, changed: &ProductChanged) -> Result<(), Failure>;
}

/// What a customer looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Words, as they were typed. No text is an error; without a word, everything is found.
    pub text: String,
    /// Only what is in this category, or below it.
    pub category: Option<CategoryPath>,
    /// Only after so many.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Best first; equals by SKU, so that the order is the same each time.
    pub skus: Vec<Sku>,
    /// Whether there are more.
    pub more: bool,
}

/// An index of products by what they say. It may lag behind the catalogue, and it may be lost:
/// whoever keeps it current makes it again.
#[async_trait]
pub trait Search: Send + Sync {
    /// Takes products in, in place of what it knew of them. They are found once this returns.
    ///
    /// # Errors
    /// When the index cannot be written.
    async fn put(&self, products: &[Product]) -> Result<(), Failure>;

    /// Forgets products.
    ///
    /// # Errors
    /// When the index cannot be written.
    async fn remove(&self, skus: &[Sku]) -> Result<(), Failure>;

    /// The products that are looked for.
    ///
    /// # Errors
    /// When the index cannot be read.
    async fn find(&self, wanted: &Wanted) -> Result<Found, Failure>;
}
