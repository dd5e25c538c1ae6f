//! The router on ports that never answer.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use http::request::Builder;
use lmall_app::{
    failure::Failure,
    payment::{Payments, Providers, Secret, sign},
    ports::{Clock, GatewayError, PaymentGateway, RefundAnswer, RefundRequest},
};
use lmall_domain::{CustomerId, Money, OrderId};
use lmall_payment::OrderOwner;
use lmall_web::{
    OperatorToken,
    testing::{Away, OPERATOR_TOKEN},
};

/// The provider that is configured; its name is what a documented path has for it.
const PROVIDERS: &str = r#"[{"name":"provider","scheme":"generic","secrets":["hush"]}]"#;

/// The headers that sign `body` as that provider does, now.
pub(crate) fn signed(request: Builder, body: &str) -> Builder {
    let headers = sign(&Secret::new("hush"), body.as_bytes(), Away.now());
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// A router whose every port is away; all it can answer is a problem.
pub(crate) fn router() -> Router {
    let (away, peers) = (Arc::new(Away), Arc::new(Peers));
    let providers = Providers::parse(PROVIDERS).expect("a list of providers");
    let providers = Arc::new(Providers::new(providers).expect("good providers"));
    let payments = Payments::new(away.clone(), peers.clone(), away, providers);
    lmall_payment::router(payments, peers, OperatorToken::new(OPERATOR_TOKEN))
}

/// What only this service asks for, away.
struct Peers;

#[async_trait]
impl PaymentGateway for Peers {
    async fn refund(&self, _request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        Err(GatewayError::Transient("away".to_owned()))
    }
}

#[async_trait]
impl OrderOwner for Peers {
    async fn owner(&self, _id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure> {
        Err(Failure::Unavailable("away".into()))
    }
}
