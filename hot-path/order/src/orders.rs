//! `/v1/orders`.

pub(crate) mod cancel;
mod order;
pub(crate) mod place;
pub(crate) mod read;
mod request;
mod state;
pub(crate) mod trail;
mod wait;

use axum::{
    Router,
    routing::{get, post},
};
use lmall_app::row::Versioned;
use lmall_domain::{CustomerId, OrderId, order::Order};
use lmall_web::{Caller, Problem};

use crate::shop::Shop;

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/v1/orders", post(place::place).get(read::list))
        .route("/v1/orders/{id}", get(read::get))
        .route("/v1/orders/{id}/cancel", post(cancel::cancel))
        .route("/v1/orders/{id}/events", get(trail::events))
}

/// The order as its customer reads it, for who hands it on.
///
/// # Panics
/// Never: it has text keys only.
#[must_use]
pub fn shown(order: Versioned<Order>) -> serde_json::Value {
    serde_json::to_value(order::Order::from(order)).expect("a plain struct has a JSON form")
}

/// The customer's order; somebody else's is answered like none.
async fn own_order(
    shop: &Shop,
    customer: &CustomerId,
    id: OrderId,
) -> Result<Versioned<Order>, Problem> {
    visible_order(shop, &Caller::Customer(customer.clone()), id).await
}

/// The order that the caller may see; any other is answered like none.
async fn visible_order(
    shop: &Shop,
    caller: &Caller,
    id: OrderId,
) -> Result<Versioned<Order>, Problem> {
    let order = shop.orders.load(id).await?;
    let seen = order.filter(|order| caller.may_see(Some(&order.value.customer_id)));
    seen.ok_or_else(Problem::not_found)
}
