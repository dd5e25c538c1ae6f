//! The payment gateway: giving money back.

use async_trait::async_trait;
use lmall_domain::{Money, OrderId, PaymentId, ProviderName, RefundId};

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The idempotency key: asking twice gives back once.
    pub id: RefundId,
    /// The order.
    pub order_id: OrderId,
    /// The provider that captured it.
    pub provider: ProviderName,
    /// The provider's payment.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
}

/// What a provider says to a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It will be done; a webhook will say when.
    Accepted,
    /// It is done.
    Done,
}

/// Why a refund was not taken.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Nothing is known of it: ask again with the same id.
    #[error("the provider does not answer: {0}")]
    Transient(String),
    /// It will never be done this way.
    #[error("the provider refuses: {0}")]
    Permanent(String),
}

/// A way to the providers.
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// Asks the provider to give money back.
    ///
    /// # Errors
    /// [`GatewayError`] says whether asking again can help.
    async fn refund(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError>;
}
