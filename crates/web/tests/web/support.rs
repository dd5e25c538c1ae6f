//! A small service with one route per extractor, and the calls on it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::FromRef;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::request::Builder;
use http::{Request, StatusCode};
use lmall_web::{
    ApiJson, ApiPath, ApiQuery, CustomerId, IdempotencyKey, Metrics, Operator, OperatorToken,
    PageQuery, PreferWait, Problem, ProblemBody, RawBody, RequestContext, finish,
};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;

/// The operator's token of the service.
pub(crate) const TOKEN: &str = "opensesame";

#[derive(Clone)]
struct Shop {
    token: OperatorToken,
}

impl FromRef<Shop> for OperatorToken {
    fn from_ref(shop: &Shop) -> Self {
        shop.token.clone()
    }
}

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
        .route("/customer", get(async |CustomerId(id): CustomerId| id))
        .route("/wait", get(async |wait: PreferWait| format!("{wait:?}")))
        .route("/operator", get(async |_: Operator| StatusCode::OK))
        .route("/key", get(async |key: IdempotencyKey| format!("{:?}", key.0)))
        .route("/context", get(async |context: RequestContext| format!("{context:?}")))
        .with_state(Shop { token: OperatorToken::new(TOKEN) });
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

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The one value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        assert!(self.headers.get_all(name).iter().count() < 2, "{name} twice in {self:?}");
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// The problem in the body, which must agree with the status.
    pub(crate) fn problem(&self) -> ProblemBody {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body: ProblemBody = serde_json::from_str(&self.text).expect("a problem");
        assert_eq!(body.status, self.status);
        body
    }
}

/// Sends one request to the service.
pub(crate) async fn send(request: Builder, body: impl Into<Body>) -> Answer {
    let request = request.body(body.into()).expect("a valid request");
    call(service(&Metrics::new()), request).await
}

/// Sends one request to a router.
pub(crate) async fn call(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
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
