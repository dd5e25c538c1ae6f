//! What the routes work with.

use std::{ops::Deref, sync::Arc};

use async_trait::async_trait;
use axum::extract::FromRef;
use lmall_app::{failure::Failure, order::Orders};
use lmall_domain::Sku;
use lmall_web::OperatorToken;

/// How much there is of a product: what inventory knows, and the catalogue shows.
#[async_trait]
pub trait Availability: Send + Sync {
    /// Units that can be reserved; 0 of a SKU that was never received.
    ///
    /// # Errors
    /// When inventory does not answer.
    async fn available(&self, sku: &Sku) -> Result<i64, Failure>;
}

/// The state of the router; a clone is one more reference.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Parts>);

/// What a [`Shop`] gives access to.
pub(crate) struct Parts {
    pub(crate) orders: Orders,
    pub(crate) availability: Arc<dyn Availability>,
    operator_token: OperatorToken,
}

impl Shop {
    pub(crate) fn new(
        orders: Orders,
        availability: Arc<dyn Availability>,
        operator_token: OperatorToken,
    ) -> Self {
        Self(Arc::new(Parts { orders, availability, operator_token }))
    }
}

impl Deref for Shop {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Shop> for OperatorToken {
    fn from_ref(shop: &Shop) -> Self {
        shop.operator_token.clone()
    }
}
