//! The order service, told of prices over the network.

use async_trait::async_trait;
use http::{Method, StatusCode};
use lmall_app::{failure::Failure, ports::PriceCopies};
use lmall_domain::{Sku, event::ProductChanged};
use lmall_web::{
    OperatorToken,
    client::{BaseUrl, Peer},
};

/// The order service at an address.
pub struct OrderService(Peer);

impl OrderService {
    /// The service at this address, which lets whoever shows the token tell it of prices.
    #[must_use]
    pub fn new(base: BaseUrl, token: OperatorToken) -> Self {
        Self(Peer::new("order", base).as_operator(token))
    }
}

#[async_trait]
impl PriceCopies for OrderService {
    async fn tell(&self, sku: &Sku, changed: &ProductChanged) -> Result<(), Failure> {
        let path = format!("/v1/price-copies/{sku}");
        let answer = self.0.send(Method::PUT, &path, changed).await?;
        self.0.expect(answer, StatusCode::NO_CONTENT).map(drop)
    }
}
