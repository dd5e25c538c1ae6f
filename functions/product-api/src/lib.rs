//! The product service: products, prices, search, reviews, recommendations.
//!
//! This crate promises that a route does three things: decode the request, call one use case of
//! `lmall-app`, and turn its outcome into an answer with one `match`. What is shown of a product
//! is at most a second old, its stock too. An answer of 200 or 201 to whoever changed a price
//! means that orders have that price; 202 means that they soon will.
//!
//! It must never compute a price or decide who may review, reach into a store, show who wrote a
//! review, or tell a client why something inside failed.
//!
//! It is in three processes: `lmall serve`, `hot-path/product`, which has the queue of the service
//! and its gRPC routes as well, and the function `product-api` for HTTP alone.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to the group's `routes` and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod categories;
mod index;
mod inventory_service;
mod openapi;
mod order_service;
mod products;
mod quotes;
mod reading;
mod recommendations;
mod reviews;
mod search;
mod shop;

use axum::Router;
use lmall_web::OperatorToken;

pub use index::{PRODUCTS_MAX, TextIndex};
pub use inventory_service::InventoryService;
pub use openapi::openapi;
pub use order_service::OrderService;
pub use shop::{Availability, Parts};

use crate::shop::Shop;

/// The routes.
pub fn router(parts: Parts, operator_token: OperatorToken) -> Router {
    let shop = Shop::new(parts.into(), operator_token);
    Router::new()
        .merge(products::routes())
        .merge(categories::routes())
        .merge(quotes::routes())
        .merge(search::routes())
        .merge(reviews::routes())
        .merge(recommendations::routes())
        .with_state(shop)
}
