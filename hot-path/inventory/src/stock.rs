//! `/v1/inventory/{sku}`.

pub(crate) mod change;
pub(crate) mod level;
mod request;

use axum::{
    Router,
    routing::{get, post},
};

use crate::desk::Desk;

/// The routes of this group.
pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/inventory/{sku}", get(level::get))
        .route("/v1/inventory/{sku}/receipts", post(change::receive))
        .route("/v1/inventory/{sku}/adjustments", post(change::adjust))
}
