//! Flash sales: a waiting room in front of ordering, switched on by an operator for one SKU.
//!
//! A customer joins, looks at their place now and then (which is also their sign of life), and is
//! given a token when it is their turn. With it they order; without it, the order service
//! refuses. What is promised here about units is a courtesy: stock decides, as for all orders.

mod events;
mod hall;
mod observe;
mod openapi;
mod operator;
mod order_service;
mod place;
mod view;

use axum::{
    Router,
    routing::{get, put},
};
use lmall_web::OperatorToken;

pub use hall::{Hall, STREAMS_MAX, STREAMS_PER_CUSTOMER_MAX};
pub use observe::observed;
pub use openapi::openapi;
pub use order_service::OrderService;

/// The routes.
pub fn routes(hall: Hall, operator_token: OperatorToken) -> Router {
    let room = put(operator::open).get(operator::summary).delete(operator::close);
    let own = get(place::look).post(place::join).delete(place::leave);
    Router::new()
        .route("/v1/waiting-rooms/{sku}", room)
        .route("/v1/waiting-rooms/{sku}/place", own)
        .route("/v1/waiting-rooms/{sku}/place/events", get(events::events))
        .with_state(lmall_web::Guarded::new(hall, operator_token))
}
