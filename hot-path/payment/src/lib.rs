//! The payment service's HTTP routes: the providers' webhooks, and what they came to.
//!
//! This crate promises that a route does three things: decode the request, call one use case of
//! `lmall-app`, and turn its outcome into an answer with one `match`. A webhook is answered 200
//! only once it is durable. A payment is shown to the customer whose order it is for, and to an
//! operator; for everybody else there is none.
//!
//! It must never decide anything about money, parse a body before its signature is verified,
//! tell a sender what is wrong with a signature, or log a body.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to the group's `routes` and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod demo;
mod openapi;
mod order_service;
mod payments;
mod till;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use lmall_app::payment::Payments;
use lmall_web::OperatorToken;

pub use demo::{DEMO_PROVIDER, DemoProvider};
pub use openapi::openapi;
pub use order_service::OrderService;
pub use till::OrderOwner;

use crate::till::{Parts, Till};

/// The routes.
pub fn router(
    payments: Payments,
    owners: Arc<dyn OrderOwner>,
    operator_token: OperatorToken,
) -> Router {
    let till = Till::new(Parts { payments, owners }, operator_token);
    Router::new().merge(webhooks::routes()).merge(payments::routes()).with_state(till)
}
