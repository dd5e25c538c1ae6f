//! Ports that never answer, and the calls on a router that has only those.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, StatusCode, request::Builder};
use http_body_util::BodyExt;
use lmall_app::{
    Changeset,
    failure::Failure,
    payment::{Payments, Providers, Secret},
    ports::{
        Clock, CommitError, GatewayError, IndexQuery, Item, Key, Page, PaymentGateway, Query,
        RefundAnswer, RefundRequest, Store, StoreError,
    },
};
use lmall_domain::{CustomerId, Money, OrderId, Timestamp};
use lmall_payment::OrderOwner;
use lmall_web::{OperatorToken, ProblemBody};
use tower::ServiceExt;

/// The provider that is configured; its name is what a documented path has for it.
const PROVIDERS: &str = r#"[{"name":"provider","scheme":"generic","secrets":["hush"]}]"#;

/// The headers that sign `body` as that provider does, now.
pub(crate) fn signed(request: Builder, body: &str) -> Builder {
    let headers = lmall_app::payment::sign(&Secret::new("hush"), body.as_bytes(), Away.now());
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// The operator's token.
pub(crate) const TOKEN: &str = "opensesame";

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) problem: ProblemBody,
}

/// Sends one request to a router whose every port is away; all it can answer is a problem.
pub(crate) async fn send(request: Builder, body: &'static str) -> Answer {
    let away = Arc::new(Away);
    let providers = Providers::parse(PROVIDERS).expect("a list of providers");
    let providers = Arc::new(Providers::new(providers).expect("good providers"));
    let payments = Payments::new(away.clone(), away.clone(), away.clone(), providers);
    let router = lmall_payment::router(payments, away, OperatorToken::new(TOKEN));
    let request = request.body(Body::from(body)).expect("a valid request");
    let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let problem = serde_json::from_slice(&body).unwrap_or_else(|_| no_problem(parts.status));
    Answer { status: parts.status, headers: parts.headers, problem }
}

/// What stands for the body where axum itself answered, without one.
fn no_problem(status: StatusCode) -> ProblemBody {
    let (kind, title) = (String::new(), String::new());
    let status = status.as_u16();
    ProblemBody { kind, title, status, detail: None, instance: None, errors: Vec::new() }
}

/// Every port, away.
struct Away;

fn away() -> StoreError {
    StoreError("away".into())
}

#[async_trait]
impl Store for Away {
    async fn get(&self, _key: &Key) -> Result<Option<Item>, StoreError> {
        Err(away())
    }

    async fn query(&self, _query: &Query) -> Result<Page, StoreError> {
        Err(away())
    }

    async fn query_index(&self, _query: &IndexQuery) -> Result<Page, StoreError> {
        Err(away())
    }

    async fn commit(&self, _changeset: Changeset) -> Result<(), CommitError> {
        Err(CommitError::Unavailable("away".into()))
    }
}

#[async_trait]
impl Clock for Away {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_768_386_600_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _duration: Duration) {}
}

#[async_trait]
impl PaymentGateway for Away {
    async fn refund(&self, _request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        Err(GatewayError::Transient("away".to_owned()))
    }
}

#[async_trait]
impl OrderOwner for Away {
    async fn owner(&self, _id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure> {
        Err(away().into())
    }
}
