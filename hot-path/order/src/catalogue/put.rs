//! `PUT /v1/products/{sku}`.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use lmall_app::order::PutProduct;
use lmall_domain::{
    Sku,
    limits::{PRODUCT_NAME_MAX, UNIT_PRICE_MAX},
    product::{Invalid, Product},
};
use lmall_web::{ApiJson, ApiPath, Money, Operator, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shown;
use crate::shop::Shop;

/// What the operator says of a product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutProduct)]
pub(crate) struct Description {
    /// What people call it: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Green tea")]
    name: String,
    /// For one unit: 1 to 10,000,000,000 minor units.
    price: Money,
}

// What the document says is what the domain says.
const _: () = assert!(PRODUCT_NAME_MAX == 200 && UNIT_PRICE_MAX == 10_000_000_000);

/// Create or change a product.
///
/// Later orders use the new price; placed ones keep theirs.
#[utoipa::path(
    put,
    path = "/v1/products/{sku}",
    operation_id = "put_product",
    tag = "catalogue",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01")),
    request_body = Description,
    responses(
        (status = 200, description = "the product, changed", body = super::Product),
        (status = 201, description = "the product, new", body = super::Product,
            headers(("Location" = String, description = "the path of the product"))),
        (status = 400, description = "`/problems/malformed`: not JSON"),
        (status = 401, description = "`/problems/unauthenticated`: no operator token"),
        (status = 403, description = "`/problems/forbidden`: another operator token"),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`"),
    ),
)]
pub(crate) async fn put(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    ApiJson(body): ApiJson<Description>,
) -> Result<Response, Problem> {
    let location = [(header::LOCATION, format!("/v1/products/{sku}"))];
    let product =
        Product::new(sku, body.name, body.price.into()).map_err(|error| refused(&error))?;
    let done = shop.orders.put_product(&product).await?;
    let answer = Json(shown(&shop, product).await?);
    Ok(match done {
        PutProduct::Created => (StatusCode::CREATED, location, answer).into_response(),
        PutProduct::Changed => answer.into_response(),
    })
}

fn refused(error: &Invalid) -> Problem {
    let pointer = match error {
        Invalid::Name => "/name",
        Invalid::Price => "/price/amount",
    };
    Problem::invalid().error(pointer, error.to_string())
}
