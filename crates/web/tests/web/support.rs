//! A small service with one route per extractor, and the calls on it.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{Request, StatusCode, request::Builder};
use lmall_web::{
    ApiJson, ApiPath, ApiQuery, CustomerId, Guarded, IdempotencyKey, Metrics, Operator,
    OperatorToken, PageQuery, PreferWait, Problem, RawBody, RequestContext, finish,
    testing::{Answer, OPERATOR_TOKEN, call},
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basket {
    lines: Vec<Line>,
    #[serde(default)]
    note: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: u32,
}

/// The service, finished.
pub(crate) fn service(metrics: &Metrics) -> Router {
    let router = Router::new()
        .route("/json", post(async |ApiJson(basket): ApiJson<Basket>| describe(&basket)))
        .route("/raw", post(async |RawBody(bytes): RawBody| bytes.len().to_string()))
        .route("/page", get(async |ApiQuery(page): ApiQuery<PageQuery>| page_limit(&page)))
        .route("/number/{n}", get(async |ApiPath(n): ApiPath<u32>| n.to_string()))
        .route("/misfit/{a}", get(async |_: ApiPath<(u32, u32)>| StatusCode::OK))
        .route("/customer", get(async |CustomerId(id): CustomerId| id.to_string()))
        .route("/wait", get(async |wait: PreferWait| format!("{wait:?}")))
        .route("/operator", get(async |_: Operator| StatusCode::OK))
        .route("/key", get(async |key: IdempotencyKey| format!("{:?}", key.0)))
        .route("/context", get(async |context: RequestContext| format!("{context:?}")))
        .with_state(Guarded::new((), OperatorToken::new(OPERATOR_TOKEN)));
    finish(router.merge(misbehaving()), metrics)
}

/// Routes that do what handlers must not.
fn misbehaving() -> Router {
    Router::new()
        .route("/panic", get(async || panicking()))
        .route("/never", get(std::future::pending::<StatusCode>))
        .route("/axum-json", post(async |_: Json<Basket>| StatusCode::OK))
        .route("/axum-path/{n}", get(async |_: axum::extract::Path<u32>| StatusCode::OK))
        .route("/status/{n}", get(async |ApiPath(n): ApiPath<u16>| bare(n)))
        .route("/conflict", get(async || conflict()))
        .route("/cached", get(async || [("cache-control", "max-age=60")]))
}

fn panicking() -> StatusCode {
    panic!("the secret is in secrets.rs")
}

fn bare(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, [("retry-after", "7")], "internals").into_response()
}

fn conflict() -> Problem {
    Problem::new(StatusCode::CONFLICT, "out-of-stock", "Not enough stock")
        .detail("3 left")
        .error("/lines/0/quantity", "at most 3")
        .retry_after(9)
}

fn describe(basket: &Basket) -> String {
    let Basket { lines, note } = basket;
    lines.iter().map(|line| format!("{}x{} ", line.quantity, line.sku)).collect::<String>()
        + &note.to_string()
}

fn page_limit(page: &PageQuery) -> Result<String, Problem> {
    page.limit().map(|limit| limit.to_string())
}

/// Sends one request to the service.
pub(crate) async fn send(request: Builder, body: impl Into<Body>) -> Answer {
    let request = request.body(body.into()).expect("a valid request");
    call(service(&Metrics::new()), request).await
}

/// `GET path` with headers.
pub(crate) fn get_request(path: &str, headers: &[(&str, &str)]) -> Builder {
    headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value))
}

/// A readiness check with a fixed outcome.
pub(crate) fn ready(
    outcome: Result<(), String>,
) -> impl Fn() -> futures_util::future::BoxFuture<'static, Result<(), String>> + Send + Sync + Clone
{
    let outcome = Arc::new(outcome);
    move || {
        let outcome = (*outcome).clone();
        Box::pin(async move { outcome })
    }
}
