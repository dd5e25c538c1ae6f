//! What the routes work with.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{
    catalogue::{Catalogue, ProductSearch},
    failure::Failure,
};
use lmall_domain::Sku;
use lmall_web::Guarded;

use crate::reading::Reading;

/// How much there is of a product: what inventory knows, and the catalogue shows.
#[async_trait]
pub trait Availability: Send + Sync {
    /// Units that can be reserved; 0 of a SKU that was never received.
    ///
    /// # Errors
    /// When inventory does not answer.
    async fn available(&self, sku: &Sku) -> Result<i64, Failure>;
}

/// What the service is put together from.
pub struct Parts {
    /// The use cases.
    pub catalogue: Catalogue,
    /// The products, found by what they say.
    pub search: Arc<ProductSearch>,
    /// What inventory has of them.
    pub availability: Arc<dyn Availability>,
}

/// The state of the router.
pub(crate) type Shop = Guarded<Desk>;

/// What a [`Shop`] gives access to.
pub(crate) struct Desk {
    pub(crate) catalogue: Catalogue,
    pub(crate) search: Arc<ProductSearch>,
    pub(crate) availability: Arc<dyn Availability>,
    pub(crate) reading: Reading,
}

impl From<Parts> for Desk {
    fn from(parts: Parts) -> Self {
        let Parts { catalogue, search, availability } = parts;
        let reading = Reading::new(catalogue.clone(), search.clone());
        Self { catalogue, search, availability, reading }
    }
}
