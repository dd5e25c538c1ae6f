//! How the gateway's waiting rooms ask about flash sales, in person.
//!
//! On AWS alone, where the two are processes of their own; the gateway does not forward it.

use axum::{
    Json, Router,
    extract::State,
    routing::{post, put},
};
use http::StatusCode;
use lmall_app::ports::Admissions;
use lmall_domain::{
    Sku,
    waiting::{Outcome, Ticket},
};
use lmall_web::{ApiJson, ApiPath, Operator, Problem};

use crate::shop::Shop;

/// The routes.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/v1/flash-sales/{sku}", put(begin).delete(end_sale))
        .route("/v1/admissions/outcome", post(outcome))
        .route("/v1/admissions/end", post(end))
}

async fn begin(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<StatusCode, Problem> {
    let is_set = shop.orders.set_flash(&sku, true).await?;
    Ok(if is_set { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT })
}

async fn end_sale(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<StatusCode, Problem> {
    shop.orders.set_flash(&sku, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn outcome(
    State(shop): State<Shop>,
    _: Operator,
    ApiJson(ticket): ApiJson<Ticket>,
) -> Result<Json<Option<Outcome>>, Problem> {
    Ok(Json(shop.orders.outcome(&ticket).await?))
}

async fn end(
    State(shop): State<Shop>,
    _: Operator,
    ApiJson(ticket): ApiJson<Ticket>,
) -> Result<Json<Outcome>, Problem> {
    Ok(Json(shop.orders.end(&ticket).await?))
}
