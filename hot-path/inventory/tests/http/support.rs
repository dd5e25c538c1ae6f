//! Ports that never answer, and the calls on a router that has only those.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, StatusCode, request::Builder};
use http_body_util::BodyExt;
use lmall_app::{
    Changeset,
    ports::{
        Clock, CommitError, GateAnswer, GateError, GateSnapshot, IndexQuery, Item, Key, Page,
        Query, StockGate, Store, StoreError,
    },
    stock::{Inventory, Settings},
};
use lmall_domain::{OrderId, Sku, Timestamp, stock::Allocation};
use lmall_web::{OperatorToken, ProblemBody};
use tower::ServiceExt;

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
    let settings = Settings { reservation_grace: Duration::from_secs(300), buckets: 1 };
    let away = Arc::new(Away);
    let inventory = Inventory::new(away.clone(), away.clone(), away, settings);
    let router = lmall_inventory::router(inventory, OperatorToken::new(TOKEN));
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

type Held = Vec<(OrderId, Vec<Allocation>)>;

#[async_trait]
impl StockGate for Away {
    async fn hold(&self, _: &Sku, _: OrderId, _: u32) -> Result<GateAnswer, GateError> {
        Err(GateError("away".into()))
    }

    async fn settle(&self, _: &Sku, _: OrderId) -> Result<(), GateError> {
        Err(GateError("away".into()))
    }

    async fn cancel(&self, _: &Sku, _: OrderId) -> Result<(), GateError> {
        Err(GateError("away".into()))
    }

    async fn credit(&self, _: &Sku, _: u8, _: i64) -> Result<(), GateError> {
        Err(GateError("away".into()))
    }

    async fn close(&self, _: &Sku) -> Result<u64, GateError> {
        Err(GateError("away".into()))
    }

    async fn open(&self, _: &Sku, _: u64, _: Vec<(u8, i64)>, _: Held) -> Result<bool, GateError> {
        Err(GateError("away".into()))
    }

    async fn snapshot(&self, _: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        Err(GateError("away".into()))
    }
}
