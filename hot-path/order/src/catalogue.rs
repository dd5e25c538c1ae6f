//! `/v1/products`: the catalogue, until the product service stands.

pub(crate) mod put;
pub(crate) mod read;

use axum::{Router, routing::get};
use lmall_domain::{Sku, product};
use lmall_web::{Money, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::shop::Shop;

/// A thing that can be ordered, at today's price.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Product {
    /// Its key.
    #[schema(value_type = String, example = "tea-01")]
    sku: Sku,
    /// What people call it.
    #[schema(example = "Green tea")]
    name: String,
    /// For one unit.
    price: Money,
    /// Units that can be reserved now.
    #[schema(example = 40)]
    available: i64,
}

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/v1/products", get(read::list))
        .route("/v1/products/{sku}", get(read::get).put(put::put))
}

/// The product as it is shown: with what inventory has of it.
async fn shown(shop: &Shop, product: product::Product) -> Result<Product, Problem> {
    let available = shop.availability.available(&product.sku).await?;
    let product::Product { sku, name, price } = product;
    Ok(Product { sku, name, price: price.into(), available })
}
