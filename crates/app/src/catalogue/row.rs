//! How the values of the catalogue become rows; the table is in [`crate::row`].

use lmall_domain::{
    AggregateId, CustomerId, OrderId, Sku, Timestamp,
    catalogue::{CategoryPath, Product, Review},
};

use super::{Category, TABLE};
use crate::{
    ports::{Index, IndexEntry, Key, NewRow},
    row::{partition, plain},
};

/// The partition of all products.
pub const PRODUCTS: &str = "catalogue";

/// The partition of all categories.
pub const CATEGORIES: &str = "categories";

/// The one partition of the index of changes: at most 1,000 products a second are changed.
pub const CHANGES: &str = "changes";

/// Partitions over which the baskets with one SKU are spread: with two writes' worth for each
/// row of a transaction, they take 4,000 orders of that SKU a second.
pub const BASKET_SHARDS: u64 = 8;

/// The key of a product.
#[must_use]
pub fn product_key(sku: &Sku) -> Key {
    Key::new(TABLE, PRODUCTS, sku.as_str())
}

/// A product, in the index of changes.
#[must_use]
pub fn product(product: &Product) -> NewRow {
    let mut row = plain(product_key(&product.sku), product);
    row.indexes.push(IndexEntry {
        index: Index::ByChange,
        partition: CHANGES.to_owned(),
        sort: format!("{}#{}", time(product.changed_at), product.sku),
    });
    row
}

/// The sort key in the index of changes that everything from `time` on comes after.
#[must_use]
pub fn changed_from(time: Timestamp) -> String {
    self::time(time)
}

/// The key of a category.
#[must_use]
pub fn category_key(path: &CategoryPath) -> Key {
    Key::new(TABLE, CATEGORIES, path.as_str())
}

/// A category.
#[must_use]
pub fn category(category: &Category) -> NewRow {
    plain(category_key(&category.path), category)
}

/// The partition of the baskets with this SKU in a shard.
#[must_use]
pub fn basket_partition(sku: &Sku, shard: u64) -> String {
    format!("basket#{sku}#{shard}")
}

/// The key of what an order bought together with this SKU.
#[must_use]
pub fn basket_key(sku: &Sku, order_id: OrderId, at: Timestamp) -> Key {
    let partition = basket_partition(sku, order_id.slot(BASKET_SHARDS));
    Key::new(TABLE, partition, format!("{}#{order_id}", time(at)))
}

/// The partition of what is kept of a customer.
#[must_use]
pub fn customer_partition(customer_id: &CustomerId) -> String {
    partition(&AggregateId::Customer(customer_id.clone()))
}

/// The prefix of the sort keys of what a customer bought.
pub const BOUGHT_PREFIX: &str = "bought#";

/// The prefix of the sort keys of what a customer bought of a SKU.
#[must_use]
pub fn bought_prefix(sku: &Sku) -> String {
    format!("{BOUGHT_PREFIX}{sku}#")
}

/// The key of a purchase.
#[must_use]
pub fn bought_key(customer_id: &CustomerId, sku: &Sku, order_id: OrderId) -> Key {
    let sort = format!("{}{order_id}", bought_prefix(sku));
    Key::new(TABLE, customer_partition(customer_id), sort)
}

/// The same row of another customer.
#[must_use]
pub fn same_of(key: &Key, customer_id: &CustomerId) -> Key {
    Key::new(TABLE, customer_partition(customer_id), key.sort.clone())
}

/// The key that says what became of a customer of whom nothing is kept any more. It was there
/// before customers could become others: hence its name.
#[must_use]
pub fn gone_key(customer_id: &CustomerId) -> Key {
    Key::new(TABLE, customer_partition(customer_id), "erased")
}

/// The prefix of the sort keys of a customer's reviews.
pub const REVIEW_PREFIX: &str = "review#";

/// The key of a customer's review of a SKU: there is one.
#[must_use]
pub fn review_key(customer_id: &CustomerId, sku: &Sku) -> Key {
    Key::new(TABLE, customer_partition(customer_id), format!("{REVIEW_PREFIX}{sku}"))
}

/// A review, in the index of its product.
#[must_use]
pub fn review(review: &Review) -> NewRow {
    let mut row = plain(review_key(&review.customer_id, &review.sku), review);
    row.indexes.push(IndexEntry {
        index: Index::ByProduct,
        partition: review.sku.to_string(),
        sort: format!("{}#{}", time(review.written_at), review.customer_id),
    });
    row
}

/// The key of the counts of a product's reviews.
#[must_use]
pub fn stars_key(sku: &Sku) -> Key {
    Key::new(TABLE, partition(&AggregateId::Product(sku.clone())), "stars")
}

fn time(time: Timestamp) -> String {
    format!("{:015}", time.as_millis())
}
