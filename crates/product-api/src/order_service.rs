//! The order service, told of prices over the network.

use std::time::Duration;

use async_trait::async_trait;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use lmall_app::{failure::Failure, ports::PriceCopies};
use lmall_domain::{Sku, event::ProductChanged};
use lmall_web::{
    OperatorToken,
    client::{self, BaseUrl, Client},
    extract::X_OPERATOR_TOKEN,
};

/// How long the order service may take: a write by key, and a slow moment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The order service at an address.
pub struct OrderService {
    base: BaseUrl,
    client: Client,
    token: OperatorToken,
}

impl OrderService {
    /// The service at this address, which lets whoever shows the token tell it of prices.
    #[must_use]
    pub fn new(base: BaseUrl, token: OperatorToken) -> Self {
        Self { base, client: Client::new(), token }
    }
}

#[async_trait]
impl PriceCopies for OrderService {
    async fn tell(&self, sku: &Sku, changed: &ProductChanged) -> Result<(), Failure> {
        let body = serde_json::to_vec(changed).expect("a plain struct has a JSON form");
        let request = self.base.join(&format!("/v1/price-copies/{sku}")).and_then(|uri| {
            Request::builder()
                .method(Method::PUT)
                .uri(uri)
                .header(header::CONTENT_TYPE, "application/json")
                .header(X_OPERATOR_TOKEN, &*self.token.expose())
                .body(Full::from(body))
        });
        let request = request.map_err(client::Error::Unsendable)?;
        match self.client.send(request, ANSWER_TIMEOUT).await?.status {
            StatusCode::NO_CONTENT => Ok(()),
            other => {
                Err(Failure::Unavailable(format!("the order service answered {other}").into()))
            }
        }
    }
}
