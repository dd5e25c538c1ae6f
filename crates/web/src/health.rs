//! What an orchestrator asks a service: alive, ready, and its metrics.

use std::time::Duration;

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::BoxFuture;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{metrics::Metrics, problem::Problem};

/// How long the dependencies have to answer; orchestrators commonly ask every 5 to 10 s.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` or `ready`: what was asked for.
    #[schema(example = "ok")]
    status: &'static str,
}

/// `GET /healthz`, `GET /readyz` and `GET /metrics`.
///
/// `ready` asks the dependencies. Its error goes to the log and not to the caller, for anybody
/// may ask.
pub fn routes(
    metrics: Metrics,
    ready: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + Clone + 'static,
) -> Router {
    Router::new()
        .route("/healthz", get(async || alive()))
        .route("/readyz", get(move || readiness(ready())))
        .route("/metrics", get(async move || scrape(&metrics)))
}

/// Ask whether the process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "get_health",
    tag = "service",
    responses((status = 200, description = "it does", body = Health)),
)]
pub(crate) fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Ask whether the dependencies answer.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "service",
    responses(
        (status = 200, description = "they do: send requests", body = Health),
        (status = 503, description = "`/problems/unavailable`: they do not, or not in 3 seconds"),
    ),
)]
pub(crate) async fn readiness(
    ready: BoxFuture<'static, Result<(), String>>,
) -> Result<Json<Health>, Problem> {
    let error = match tokio::time::timeout(READY_TIMEOUT, ready).await {
        Ok(Ok(())) => return Ok(Json(Health { status: "ready" })),
        Ok(Err(error)) => error,
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::warn!(error, "not ready");
    Err(Problem::unavailable().detail("not ready to serve"))
}

/// Read the metrics.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "service",
    responses(
        (status = 200, description = "every metric, in Prometheus' text format", body = String,
            content_type = "text/plain; version=0.0.4; charset=utf-8"),
    ),
)]
pub(crate) fn scrape(metrics: &Metrics) -> Response {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics.render()).into_response()
}
