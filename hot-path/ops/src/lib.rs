//! The operator service: how the shop is, its dead letters, and the audit.
//!
//! This crate promises that every route asks for the operator's token, and does three things:
//! decode the request, call one use case of `lmall-app`, and turn its outcome into an answer. It
//! belongs to no service, so it may read the tables of all; it changes nothing in them.
//!
//! It must never decide anything, write a row, or tell a client why something inside failed.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to [`router`] and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`, and the
//!    one of the same name in `crates/lmall`.

mod analytics;
mod audit;
mod dead_letters;
mod office;
mod openapi;
mod summary;

use axum::{
    Router,
    routing::{get, post},
};
use lmall_web::OperatorToken;

pub use analytics::Analytics;
pub use office::Parts;
pub use openapi::openapi;

use crate::office::Office;

/// The route that may take as long as the operator waits: it reads everything.
pub const SLOW_ROUTE: &str = "/v1/ops/audit";

/// The routes.
pub fn router(parts: Parts, operator_token: OperatorToken) -> Router {
    Router::new()
        .route("/v1/ops/summary", get(summary::get))
        .route("/v1/ops/dead-letters", get(dead_letters::list))
        .route("/v1/ops/dead-letters/replay", post(dead_letters::replay))
        .route(SLOW_ROUTE, post(audit::run))
        .with_state(Office::new(parts, operator_token))
}
