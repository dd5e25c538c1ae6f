//! Which orders have to be paid by when: the prompt reminder, which may forget.

use async_trait::async_trait;
use lmall_domain::{OrderId, Timestamp};

/// Deadlines that cannot be reached. The index of open orders says the same, later.
#[derive(Debug, thiserror::Error)]
#[error("the payment deadlines do not answer")]
pub struct DeadlineError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Orders by when they have to be paid. It may forget some and name some that are not due to be
/// canceled: what it says is a hint, and the index of open orders is certain.
#[async_trait]
pub trait Deadlines: Send + Sync {
    /// Remembers that the order has to be paid by `pay_by`.
    ///
    /// # Errors
    /// When it may not have.
    async fn set(&self, order_id: OrderId, pay_by: Timestamp) -> Result<(), DeadlineError>;

    /// Up to `limit` orders that were due at `now`, the oldest first.
    ///
    /// # Errors
    /// When they cannot be reached.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, DeadlineError>;

    /// Forgets the order.
    ///
    /// # Errors
    /// When it may not have.
    async fn forget(&self, order_id: OrderId) -> Result<(), DeadlineError>;
}
