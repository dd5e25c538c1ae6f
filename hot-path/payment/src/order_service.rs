//! The order service, asked over the network.

use std::time::Duration;

use async_trait::async_trait;
use http::{Request, StatusCode};
use http_body_util::Full;
use lmall_app::failure::Failure;
use lmall_domain::{CustomerId, Money, OrderId};
use lmall_web::{
    OperatorToken,
    client::{self, BaseUrl, Client},
    extract::X_OPERATOR_TOKEN,
};
use serde::Deserialize;

use crate::OrderOwner;

/// How long the order service may take: a read by key, and a slow moment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The order service at an address, as an operator sees it.
pub struct OrderService {
    base: BaseUrl,
    token: OperatorToken,
    client: Client,
}

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
        Self { base, token, client: Client::new() }
    }
}

#[async_trait]
impl OrderOwner for OrderService {
    async fn owner(&self, order_id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure> {
        let uri = self.base.join(&format!("/v1/orders/{order_id}"));
        let request = uri.and_then(|uri| {
            let request = Request::get(uri).header(X_OPERATOR_TOKEN, &*self.token.expose());
            request.body(Full::default())
        });
        let request = request.map_err(client::Error::Unsendable)?;
        let answer = self.client.send(request, ANSWER_TIMEOUT).await?;
        match answer.status {
            StatusCode::OK => {
                let order: Order = serde_json::from_slice(&answer.body)
                    .map_err(|error| Failure::Unavailable(error.into()))?;
                Ok(Some((order.customer_id, order.total)))
            }
            StatusCode::NOT_FOUND => Ok(None),
            // While a token is rotated, the other service may know another one for a minute.
            other => {
                Err(Failure::Unavailable(format!("the order service answered {other}").into()))
            }
        }
    }
}
