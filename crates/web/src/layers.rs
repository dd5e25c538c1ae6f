//! The one middleware around every route.
//!
//! One function instead of a tower of layers: each layer would clone and box once more per
//! request, and this one runs on all of them.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};

use crate::{
    context::{RequestContext, RequestIds, X_REQUEST_ID},
    metrics::Metrics,
    problem::{CONTENT_TYPE, Problem},
    unread::Unread,
};

/// The longest that a handler may take: three times the longest `Prefer: wait`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What stands for the route where none matched.
const UNMATCHED: &str = "unmatched";

#[derive(Clone)]
struct Shared {
    ids: Arc<RequestIds>,
    metrics: Metrics,
    slow_routes: &'static [&'static str],
}

/// Completes a service's router; call it once, outermost, after all routes are in.
///
/// It gives every request its [`RequestContext`] and every answer its `X-Request-Id` and safety
/// headers, turns whatever is an error into a [`Problem`], counts, logs at debug level, and
/// turns panics into 500 and what takes over [`REQUEST_TIMEOUT`] into 503.
pub fn finish(router: Router, metrics: &Metrics) -> Router {
    finish_with(router, metrics, &[])
}

/// [`finish`], with routes that may take as long as their caller waits: operators' long reads.
pub fn finish_with(
    router: Router,
    metrics: &Metrics,
    slow_routes: &'static [&'static str],
) -> Router {
    let ids = Arc::new(RequestIds::new());
    let shared = Shared { ids, metrics: metrics.clone(), slow_routes };
    // `with_state` makes axum build the layered routes now and not anew for each request.
    router.layer(from_fn_with_state(shared, around)).with_state(())
}

async fn around(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = RequestContext::accept(request.headers(), &shared.ids);
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    request.extensions_mut().insert(context.clone());
    let unread = Unread::watch(&mut request);

    let limit = if shared.slow_routes.contains(&route) { Duration::MAX } else { REQUEST_TIMEOUT };
    let response = guarded(next.run(request), limit, route, &context).await;
    let mut response = explained(response, &method, uri.path());
    set_headers(&mut response, &context);
    if let Some(unread) = unread
        && !unread.drain().await
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }

    let took = started.elapsed();
    shared.metrics.http().record(route, &method, response.status(), took);
    tracing::debug!(
        target: "http",
        {
            http.method = %method,
            http.route = route,
            http.status = response.status().as_u16(),
            duration_ms = millis(took),
            request_id = &*context.request_id,
        },
        "answered"
    );
    response
}

/// Runs the handler, and answers for it if it panics or takes too long.
async fn guarded(
    handler: impl Future<Output = Response>,
    limit: Duration,
    route: &str,
    context: &RequestContext,
) -> Response {
    let request_id = &*context.request_id;
    let caught = AssertUnwindSafe(handler).catch_unwind();
    match tokio::time::timeout(limit, caught).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let panic = panic_text(&*panic);
            tracing::error!(http.route = route, request_id, panic, "a handler panicked");
            Problem::internal().into_response()
        }
        Err(_elapsed) => {
            tracing::warn!(http.route = route, request_id, "a handler took too long");
            Problem::unavailable().detail("the answer took too long").into_response()
        }
    }
}

/// Makes every error a problem that names the path.
fn explained(mut response: Response, method: &Method, path: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    if status == StatusCode::METHOD_NOT_ALLOWED && method == Method::OPTIONS {
        // axum adds `Allow` outside of this, which is the answer to the question.
        return StatusCode::NO_CONTENT.into_response();
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(problem.render(Some(path)));
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(CONTENT_TYPE.as_bytes())) {
        return response;
    }
    let problem = Problem::from_status(status);
    let body = Body::from(problem.render(Some(path)));
    let mut explained = problem.into_response();
    *explained.body_mut() = body;
    for (name, value) in response.headers() {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            explained.headers_mut().insert(name, value.clone());
        }
    }
    explained
}

fn set_headers(response: &mut Response, context: &RequestContext) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not text")
}

#[expect(clippy::float_arithmetic, reason = "a duration for people to read, not money")]
fn millis(took: Duration) -> f64 {
    f64::from(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)) / 1_000.0
}
