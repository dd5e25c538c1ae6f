//! The order service, asked about admissions over the network.

use async_trait::async_trait;
use http::{Method, StatusCode};
use lmall_app::{failure::Failure, ports::Admissions};
use lmall_domain::{
    Sku,
    waiting::{Outcome, Ticket},
};
use lmall_web::{
    OperatorToken,
    client::{BaseUrl, Peer},
};

/// The order service at an address.
pub struct OrderService(Peer);

impl OrderService {
    /// The service at this address, which lets whoever shows the token begin a sale.
    #[must_use]
    pub fn new(base: BaseUrl, token: OperatorToken) -> Self {
        Self(Peer::new("order", base).as_operator(token))
    }
}

#[async_trait]
impl Admissions for OrderService {
    async fn set_flash(&self, sku: &Sku, is_on: bool) -> Result<bool, Failure> {
        let method = if is_on { Method::PUT } else { Method::DELETE };
        let answer = self.0.call(method, &format!("/v1/flash-sales/{sku}")).await?;
        match answer.status {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::CONFLICT => Ok(false),
            _ => Err(self.0.unexpected(&answer)),
        }
    }

    async fn outcome(&self, ticket: &Ticket) -> Result<Option<Outcome>, Failure> {
        let answer = self.0.send(Method::POST, "/v1/admissions/outcome", ticket).await?;
        self.0.expect(answer, StatusCode::OK)?.json()
    }

    async fn end(&self, ticket: &Ticket) -> Result<Outcome, Failure> {
        let answer = self.0.send(Method::POST, "/v1/admissions/end", ticket).await?;
        self.0.expect(answer, StatusCode::OK)?.json()
    }
}
