//! `PUT /v1/price-copies/{sku}`: how the product service tells of a price, in person.
//!
//! On AWS alone, where the two are processes of their own; the gateway does not forward it.

use axum::{Router, extract::State, routing::put};
use http::StatusCode;
use lmall_app::ports::PriceCopies;
use lmall_domain::{Sku, event::ProductChanged};
use lmall_web::{ApiJson, ApiPath, Operator, Problem};

use crate::shop::Shop;

/// The route.
pub(crate) fn routes() -> Router<Shop> {
    Router::new().route("/v1/price-copies/{sku}", put(take))
}

async fn take(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    ApiJson(changed): ApiJson<ProductChanged>,
) -> Result<StatusCode, Problem> {
    shop.orders.tell(&sku, &changed).await?;
    Ok(StatusCode::NO_CONTENT)
}
