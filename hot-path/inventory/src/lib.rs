//! The inventory service's HTTP routes: what the ledger holds, receipts and adjustments.
//!
//! This crate promises that a route does three things: decode the request, call one use case of
//! `lmall-app`, and turn its outcome into an answer with one `match`. Anybody may read a level;
//! only an operator changes one, and a reference makes a change once, however often it is sent.
//!
//! It must never decide anything about stock, reach into a store or a gate, or tell a client why
//! something inside failed.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to the group's `routes` and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod desk;
mod openapi;
mod stock;

use axum::Router;
use lmall_app::stock::Inventory;
use lmall_web::OperatorToken;

pub use openapi::openapi;

use crate::desk::{Desk, Parts};

/// The routes.
pub fn router(inventory: Inventory, operator_token: OperatorToken) -> Router {
    stock::routes().with_state(Desk::new(Parts { inventory }, operator_token))
}
