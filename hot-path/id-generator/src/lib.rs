//! The id generator's HTTP routes: ids in batches, and what ids are called in public.
//!
//! This crate promises that every route asks for the operator's token, that ids under one answer
//! are of one kind and that the answer says which, and that a Snowflake is never given twice,
//! whatever happens to the lease or the clock. Without a lease it answers ULIDs rather than
//! nothing.
//!
//! Who draws ids here, and what for, is in `docs/decisions/0040`. In short: a ULID is for what
//! can be named by a text of 26 characters (a batch job, an import, a log), and never for an
//! order. Order ids stay Snowflakes; the order service makes its own, and answers 503 rather than
//! place an order without a lease.
//!
//! It must never log or show a key, or say of a text that is no public id of ours why it is not.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to [`router`] and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod batch;
mod desk;
mod openapi;
mod public;
mod watch;

use axum::{
    Router,
    routing::{get, post},
};
use lmall_web::{Metrics, OperatorToken};

pub use desk::Parts;
pub use openapi::openapi;
pub use watch::watch;

use crate::desk::Desk;

/// The routes; what they give is counted in `metrics`.
pub fn router(parts: Parts, operator_token: OperatorToken, metrics: &Metrics) -> Router {
    Router::new()
        .route("/v1/ids", get(batch::draw))
        .route("/v1/ids/public", post(public::encode))
        .route("/v1/ids/public/{public_id}", get(public::decode))
        .with_state(Desk::new((parts, watch::Made::new(metrics)), operator_token))
}
