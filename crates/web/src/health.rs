//! What an orchestrator asks a service: alive, ready, and its metrics.

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use http::header;

use crate::metrics::Metrics;
use crate::problem::Problem;

/// How long the dependencies have to answer; orchestrators commonly ask every 5 to 10 s.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
///
/// `ready` asks the dependencies. Its error goes to the log and not to the caller, for anybody
/// may ask.
pub fn routes(
    metrics: Metrics,
    ready: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + Clone + 'static,
) -> Router {
    Router::new()
        .route("/healthz", get(async || json(r#"{"status":"ok"}"#)))
        .route("/readyz", get(move || readiness(ready())))
        .route("/metrics", get(async move || text(metrics.render())))
}

async fn readiness(ready: BoxFuture<'static, Result<(), String>>) -> Result<Response, Problem> {
    let error = match tokio::time::timeout(READY_TIMEOUT, ready).await {
        Ok(Ok(())) => return Ok(json(r#"{"status":"ready"}"#)),
        Ok(Err(error)) => error,
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::warn!(error, "not ready");
    Err(Problem::unavailable().detail("not ready to serve"))
}

fn json(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn text(body: String) -> Response {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], body).into_response()
}
