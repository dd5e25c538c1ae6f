//! What this function has no use for.

use std::time::Duration;

use async_trait::async_trait;
use lmall_app::ports::{Key, NoId, OrderIds, Watch};
use lmall_domain::OrderId;

/// Nobody makes order ids here, and nobody waits for an order to change.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl OrderIds for Nobody {
    fn next(&self) -> Result<OrderId, NoId> {
        Err(NoId)
    }
}

#[async_trait]
impl Watch for Nobody {
    async fn changed(&self, _: &Key, _: u64, _: Duration) -> bool {
        false
    }
}
