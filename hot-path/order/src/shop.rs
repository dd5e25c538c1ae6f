//! What the routes work with.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{failure::Failure, order::Orders};
use lmall_domain::Sku;
use lmall_web::Guarded;

/// How much there is of a product: what inventory knows, and the catalogue shows.
#[async_trait]
pub trait Availability: Send + Sync {
    /// Units that can be reserved; 0 of a SKU that was never received.
    ///
    /// # Errors
    /// When inventory does not answer.
    async fn available(&self, sku: &Sku) -> Result<i64, Failure>;
}

/// The state of the router.
pub(crate) type Shop = Guarded<Parts>;

/// What a [`Shop`] gives access to.
pub(crate) struct Parts {
    pub(crate) orders: Orders,
    pub(crate) availability: Arc<dyn Availability>,
}
