//! `GET /v1/inventory/{sku}`.

use axum::{Json, extract::State};
use lmall_app::stock;
use lmall_domain::Sku;
use lmall_web::{ApiPath, Problem, openapi::Fault};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::Desk;

/// The stock of a SKU, from the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Level {
    /// What.
    #[schema(value_type = String, example = "tea-01")]
    sku: Sku,
    /// Units that can be reserved.
    #[schema(example = 40)]
    available: i64,
    /// Units held for orders.
    #[schema(example = 2)]
    reserved: i64,
    /// Units gone to customers.
    #[schema(example = 8)]
    sold: i64,
}

impl Level {
    pub(super) fn of(sku: Sku, level: stock::Level) -> Self {
        let stock::Level { available, reserved, sold } = level;
        Self { sku, available, reserved, sold }
    }
}

/// Read the stock of a SKU.
#[utoipa::path(
    get,
    path = "/v1/inventory/{sku}",
    operation_id = "get_stock",
    tag = "inventory",
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 200, description = "its stock", body = Level),
        (status = 404, description = "`/problems/not-found`: it was never received"),
        Fault,
    ),
)]
pub(crate) async fn get(
    State(desk): State<Desk>,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<Json<Level>, Problem> {
    let level = desk.inventory.level(&sku).await?;
    level.map(|level| Json(Level::of(sku, level))).ok_or_else(Problem::not_found)
}
