//! `/v1/products`: products, and what they cost.

pub(crate) mod pricing;
pub(crate) mod put;
pub(crate) mod read;

use std::sync::Arc;

use axum::{Router, routing::get};
use futures_util::{StreamExt, TryStreamExt, stream};
use lmall_domain::{
    Sku,
    catalogue::{self, CategoryPath},
};
use lmall_web::{Money, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::shop::Shop;

/// Products of one page whose stock is asked for at the same time: a page of 100 takes 13 turns,
/// and one client does not occupy the store.
const ASKED_AT_ONCE: usize = 8;

/// A thing that can be ordered, at today's price.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Product {
    /// Its key.
    #[schema(value_type = String, example = "tea-01")]
    sku: Sku,
    /// What people call it.
    #[schema(example = "Green tea")]
    name: String,
    /// What an order of one unit costs now, in the product's own currency.
    price: Money,
    /// Units that can be reserved now.
    #[schema(example = 40)]
    available: i64,
    /// What it would cost without any rule; absent when that is the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    list_price: Option<Money>,
    /// What there is to say of it; absent when that is nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    description: String,
    /// Where it is found; absent when that is nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    categories: Vec<CategoryPath>,
}

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/v1/products", get(read::list))
        .route("/v1/products/{sku}", get(read::get).put(put::put))
        .route("/v1/products/{sku}/pricing", get(pricing::get).put(pricing::put))
}

/// The product as it is shown: with what inventory has of it.
pub(crate) async fn shown(shop: &Shop, product: &catalogue::Product) -> Result<Product, Problem> {
    let available = shop.availability.available(&product.sku).await?;
    let (now, base) = (shop.catalogue.now(), product.pricing.base);
    let unit = product.pricing.unit(1, base.currency, now);
    let (price, list) = unit.map_or((base, base), |unit| (unit.price, unit.list.price));
    let text = product.text.clone();
    Ok(Product {
        sku: product.sku.clone(),
        name: text.name,
        price: price.into(),
        available,
        list_price: (list != price).then(|| list.into()),
        description: text.description,
        categories: text.categories,
    })
}

/// Products as they are shown, in this order.
async fn all_shown(
    shop: &Shop,
    products: Vec<catalogue::Product>,
) -> Result<Vec<Product>, Problem> {
    let all = products.into_iter().map(|product| one_shown(shop.clone(), product.into()));
    stream::iter(all).buffered(ASKED_AT_ONCE).try_collect().await
}

/// The same by SKU; those that are not there are left out.
pub(crate) async fn shown_by_sku(shop: &Shop, skus: Vec<Sku>) -> Result<Vec<Product>, Problem> {
    let mut products = Vec::with_capacity(skus.len());
    for sku in &skus {
        products.extend(shop.reading.product(sku).await?);
    }
    let all = products.into_iter().map(|product| one_shown(shop.clone(), product));
    stream::iter(all).buffered(ASKED_AT_ONCE).try_collect().await
}

async fn one_shown(shop: Shop, product: Arc<catalogue::Product>) -> Result<Product, Problem> {
    shown(&shop, &product).await
}
