//! The front door: one address for all services.
//!
//! This crate promises that a request reaches the service whose path it has, body and all, byte
//! for byte, so that what a provider signed is what is verified; that the answer comes back the
//! same way; that both are streamed and neither is kept; and that a service that is away, or too
//! slow, is a problem with `Retry-After` and never a hanging client.
//!
//! It must never change a body, send a request twice, or look into what it carries.
//!
//! To add a route: a row in `ROUTES`, and where its service is in [`Upstreams`].

mod forward;
mod headers;
mod routes;

use std::time::Duration;

use axum::Router;
use lmall_web::Metrics;

pub use routes::Upstreams;

/// The route that may take as long as an operator waits: it reads everything.
const SLOW_ROUTE: &str = "/v1/ops/audit";

/// The longest time for the head of an answer: twice the longest `Prefer: wait`, and less than
/// a service takes before it gives up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The same, of the slow route.
const SLOW_TIMEOUT: Duration = Duration::from_secs(600);

const _: () = assert!(
    ANSWER_TIMEOUT.as_secs() >= 2 * lmall_web::extract::PREFER_WAIT_MAX.as_secs()
        && ANSWER_TIMEOUT.as_secs() < lmall_web::layers::REQUEST_TIMEOUT.as_secs()
);

/// What is served at `/openapi.json`: the whole of it, as `lmall` says it.
const DOCUMENT: &str = include_str!("../../../docs/openapi/lmall.json");

/// All routes, forwarded; and what every service has.
///
/// It is ready when it answers: one service that is away is no reason to turn away the requests
/// of the others.
pub fn router(upstreams: &Upstreams, metrics: &Metrics) -> Router {
    let router = routes::forwarded(upstreams)
        .merge(lmall_web::health::routes(metrics.clone(), || Box::pin(async { Ok(()) })))
        .merge(lmall_web::openapi::written(DOCUMENT));
    lmall_web::finish_with(router, metrics, &[SLOW_ROUTE])
}
