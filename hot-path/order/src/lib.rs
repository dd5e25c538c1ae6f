//! The order service's HTTP routes.
//!
//! This crate promises that a route does three things: decode the request, call one use case of
//! `lmall-app`, and turn its outcome into an answer with one `match`. A customer sees their own
//! orders only; everybody else's do not exist. An operator may read any order. A 201 means that the order is durable, whatever
//! happens while the client waits for more.
//!
//! It must never decide anything about an order or a price, reach into a store, or tell a client
//! why something inside failed.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to the group's `routes` and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod admissions;
mod copies;
mod openapi;
mod orders;
mod shop;

use axum::Router;
use lmall_app::order::Orders;
use lmall_web::OperatorToken;

pub use openapi::openapi;
pub use orders::shown;

use crate::shop::{Parts, Shop};

/// The routes.
pub fn router(orders: Orders, operator_token: OperatorToken) -> Router {
    orders::routes().with_state(Shop::new(Parts { orders }, operator_token))
}

/// What the product service and the gateway ask for, where they are other processes.
pub fn among_services(orders: Orders, operator_token: OperatorToken) -> Router {
    let routes = copies::routes().merge(admissions::routes());
    routes.with_state(Shop::new(Parts { orders }, operator_token))
}
