//! The order service, asked over the network.

use async_trait::async_trait;
use http::StatusCode;
use lmall_app::failure::Failure;
use lmall_domain::{CustomerId, Money, OrderId};
use lmall_web::{
    OperatorToken,
    client::{BaseUrl, Peer},
};
use serde::Deserialize;

use crate::OrderOwner;

/// The order service at an address, as an operator sees it.
pub struct OrderService(Peer);

/// What is read of an order; what else it has may grow.
#[derive(Deserialize)]
struct Order {
    customer_id: CustomerId,
    total: Money,
}

impl OrderService {
    /// The service at this address.
    #[must_use]
    pub fn new(base: BaseUrl, token: OperatorToken) -> Self {
        Self(Peer::new("order", base).as_operator(token))
    }
}

#[async_trait]
impl OrderOwner for OrderService {
    async fn owner(&self, order_id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure> {
        let answer = self.0.get(&format!("/v1/orders/{order_id}")).await?;
        match answer.status {
            StatusCode::OK => {
                let Order { customer_id, total } = answer.json()?;
                Ok(Some((customer_id, total)))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.0.unexpected(&answer)),
        }
    }
}
