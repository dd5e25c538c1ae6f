//! `GET /v1/products` and `GET /v1/products/{sku}`.

use axum::{Json, extract::State};
use lmall_domain::Sku;
use lmall_web::{
    ApiPath, ApiQuery, Page, PageQuery, Problem,
    openapi::{Fault, QueryRefused},
    page::{decode_cursor, encode_cursor, foreign_cursor},
};

use super::{Product, all_shown, shown};
use crate::shop::Shop;

/// Read a product.
#[utoipa::path(
    get,
    path = "/v1/products/{sku}",
    operation_id = "get_product",
    tag = "catalogue",
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01")),
    responses(
        (status = 200, description = "the product", body = Product),
        (status = 404, description = "`/problems/not-found`: the catalogue does not have it"),
        Fault,
    ),
)]
pub(crate) async fn get(
    State(shop): State<Shop>,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<Json<Product>, Problem> {
    let product = shop.reading.product(&sku).await?;
    shown(&shop, &*product.ok_or_else(Problem::not_found)?).await.map(Json)
}

/// List the products by SKU.
#[utoipa::path(
    get,
    path = "/v1/products",
    operation_id = "list_products",
    tag = "catalogue",
    params(PageQuery),
    responses(
        (status = 200, description = "a page of the catalogue", body = Page<Product>),
        (status = 422, description = "`/problems/validation`: the limit or the cursor"),
        QueryRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(shop): State<Shop>,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> Result<Json<Page<Product>>, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_deref().map(sort_key).transpose()?;
    let (products, next) = shop.catalogue.products(after, limit).await?;
    let items = all_shown(&shop, products).await?;
    Ok(Json(Page { items, next_cursor: next.as_deref().map(encode_cursor) }))
}

/// The SKU in a cursor.
fn sort_key(cursor: &str) -> Result<String, Problem> {
    let key = decode_cursor(cursor)?;
    key.parse::<Sku>().map(|_| key).map_err(|_| foreign_cursor())
}
