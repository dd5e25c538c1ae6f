//! `GET /v1/products/{sku}/recommendations`: what is bought together with a product.

use axum::{Json, Router, extract::State, routing::get};
use lmall_domain::Sku;
use lmall_web::{
    ApiPath, ApiQuery, Problem,
    openapi::{Fault, QueryRefused},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    products::{Product, shown_by_sku},
    reading::TOGETHER_MAX,
    shop::Shop,
};

/// Products that are shown when nobody says how many.
const LIMIT_DEFAULT: usize = 5;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LimitQuery {
    /// How many products at most: 1 to 20, 5 if absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 20, default = 5)]
    limit: Option<usize>,
}

/// What is bought together with a product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recommendations {
    /// Most often first.
    items: Vec<Product>,
}

// What the document says is what is counted.
const _: () = assert!(TOGETHER_MAX == 20 && LIMIT_DEFAULT <= TOGETHER_MAX);

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new().route("/v1/products/{sku}/recommendations", get(list))
}

/// List what is bought together with a product, most often first.
///
/// The newest 256 confirmed orders of the last 90 days that have it and something else are
/// counted, once a minute.
#[utoipa::path(
    get,
    path = "/v1/products/{sku}/recommendations",
    operation_id = "recommend_products",
    tag = "catalogue",
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01"),
        LimitQuery),
    responses(
        (status = 200, description = "what is bought with it", body = Recommendations),
        (status = 404, description = "`/problems/not-found`: the catalogue does not have it"),
        (status = 422, description = "`/problems/validation`: the limit"),
        QueryRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(shop): State<Shop>,
    ApiPath(sku): ApiPath<Sku>,
    ApiQuery(query): ApiQuery<LimitQuery>,
) -> Result<Json<Recommendations>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=TOGETHER_MAX).contains(&limit) {
        let detail = format!("must be between 1 and {TOGETHER_MAX}, not {limit}");
        return Err(Problem::invalid().error("/limit", detail));
    }
    shop.reading.product(&sku).await?.ok_or_else(Problem::not_found)?;
    let together = shop.reading.bought_with(&sku).await?;
    let skus = together.iter().take(limit).map(|together| together.sku.clone()).collect();
    Ok(Json(Recommendations { items: shown_by_sku(&shop, skus).await? }))
}
