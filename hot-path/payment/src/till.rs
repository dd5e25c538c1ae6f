//! What the routes work with.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{failure::Failure, payment::Payments};
use lmall_domain::{CustomerId, Money, OrderId};
use lmall_web::Guarded;

/// Whose an order is: what the order service knows, and a payment does not.
#[async_trait]
pub trait OrderOwner: Send + Sync {
    /// Who placed the order, and what it costs; `None` when there is no such order.
    ///
    /// # Errors
    /// When the order service does not answer.
    async fn owner(&self, order_id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure>;
}

/// The state of the router.
pub(crate) type Till = Guarded<Parts>;

/// What a [`Till`] gives access to.
pub(crate) struct Parts {
    pub(crate) payments: Payments,
    pub(crate) owners: Arc<dyn OrderOwner>,
}
