//! What the routes work with.

use std::{ops::Deref, sync::Arc};

use async_trait::async_trait;
use axum::extract::FromRef;
use lmall_app::{failure::Failure, payment::Payments};
use lmall_domain::{CustomerId, Money, OrderId};
use lmall_web::OperatorToken;

/// Whose an order is: what the order service knows, and a payment does not.
#[async_trait]
pub trait OrderOwner: Send + Sync {
    /// Who placed the order, and what it costs; `None` when there is no such order.
    ///
    /// # Errors
    /// When the order service does not answer.
    async fn owner(&self, order_id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure>;
}

/// The state of the router; a clone is one more reference.
#[derive(Clone)]
pub(crate) struct Till(Arc<Parts>);

/// What a [`Till`] gives access to.
pub(crate) struct Parts {
    pub(crate) payments: Payments,
    pub(crate) owners: Arc<dyn OrderOwner>,
    operator_token: OperatorToken,
}

impl Till {
    pub(crate) fn new(
        payments: Payments,
        owners: Arc<dyn OrderOwner>,
        operator_token: OperatorToken,
    ) -> Self {
        Self(Arc::new(Parts { payments, owners, operator_token }))
    }
}

impl Deref for Till {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Till> for OperatorToken {
    fn from_ref(till: &Till) -> Self {
        till.operator_token.clone()
    }
}
