//! The one middleware around every call.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use http::HeaderMap;
use lmall_web::{Metrics, context::RequestIds};
use tokio::sync::Semaphore;
use tonic::{Code, Status};

use crate::{call::Call, status::name};

/// Calls that are answered at one time, over all connections: each reads some rows. Whoever comes
/// then is told at once to come again, and not kept waiting until it is too late.
pub(super) const CALLS_MAX: usize = 1_024;

const GRPC_STATUS: &str = "grpc-status";

/// What all calls share.
#[derive(Clone)]
pub(super) struct Shared {
    ids: Arc<RequestIds>,
    slots: Arc<Semaphore>,
    metrics: Metrics,
}

impl Shared {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let slots = Arc::new(Semaphore::new(CALLS_MAX));
        Self { ids: Arc::new(RequestIds::new()), slots, metrics: metrics.clone() }
    }

    fn count(&self, service: &str, code: Code) {
        let labels = [("service", service), ("code", name(code))];
        self.metrics.counter_with("lmall_grpc_calls_total", "Calls over gRPC.", &labels).inc();
    }
}

/// Gives every call its [`Call`] and every answer its metadata; bounds it by its deadline, turns
/// panics into `INTERNAL`, counts, and logs at debug level.
pub(super) async fn around(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    // `/lmall.inventory.v1.Inventory/{*rest}`: the method could be anything.
    let service = matched.as_ref().and_then(|path| path.as_str().split('/').nth(1));
    let service = service.unwrap_or("unknown");
    let (response, request_id) = match Call::accept(request.headers(), &shared.ids) {
        Err(refusal) => (answer(refusal), None),
        Ok(call) => {
            request.extensions_mut().insert(call.clone());
            let mut response = match shared.slots.try_acquire() {
                Ok(_slot) => bounded(next.run(request), &call, service).await,
                Err(_full) => answer(Status::unavailable("too many calls at one time")),
            };
            call.write(response.headers_mut());
            (response, Some(call.context().request_id.clone()))
        }
    };
    let code = code(response.headers());
    shared.count(service, code);
    tracing::debug!(
        target: "grpc",
        {
            grpc.service = service,
            grpc.status = name(code),
            duration_us = started.elapsed().as_micros(),
            request_id = request_id.as_deref(),
        },
        "answered"
    );
    response
}

/// Runs the handler in the time that its call has, and answers for it if it panics.
async fn bounded(handler: impl Future<Output = Response>, call: &Call, service: &str) -> Response {
    let request_id = &*call.context().request_id;
    let caught = AssertUnwindSafe(handler).catch_unwind();
    let within: Duration = call.remaining();
    match tokio::time::timeout(within, caught).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            tracing::error!(grpc.service = service, request_id, "a handler panicked");
            answer(Status::internal("something went wrong on our side"))
        }
        Err(_elapsed) => {
            tracing::warn!(grpc.service = service, request_id, "a call took longer than it had");
            answer(Status::deadline_exceeded("the deadline has passed"))
        }
    }
}

fn answer(status: Status) -> Response {
    status.into_http()
}

/// What the head says; an answer that has more to it is one of success.
fn code(headers: &HeaderMap) -> Code {
    headers.get(GRPC_STATUS).map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}
