//! Reading the catalogue, and quoting from it.

use lmall_domain::{
    Sku, Timestamp,
    catalogue::{self, CategoryPath, Product, Quote},
    money::Currency,
    order::{LineRequest, PlaceRejection, merge_lines},
};
use serde::{Deserialize, Serialize};

use super::{Catalogue, TABLE, row as rows};
use crate::{
    failure::Failure,
    ports::{Page, Query},
    row::{self, Versioned},
};

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its place in the tree.
    pub path: CategoryPath,
    /// What people call it.
    pub name: String,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// A line has no price.
    #[error(transparent)]
    Rejected(#[from] PlaceRejection),
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Catalogue {
    /// The product; `None` when the catalogue does not have it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn product(&self, sku: &Sku) -> Result<Option<Product>, Failure> {
        let item = self.store.get(&rows::product_key(sku)).await?;
        Ok(item.as_ref().map(row::decode).transpose()?.map(|product| product.value))
    }

    /// Products by SKU, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn products(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Product>, Option<String>), Failure> {
        let page = self.page(rows::PRODUCTS.to_owned(), after, limit).await?;
        let products = page.items.iter().map(|item| row::decode(item).map(|row| row.value));
        Ok((products.collect::<Result<_, _>>()?, page.next))
    }

    /// The category; `None` when there is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn category(
        &self,
        path: &CategoryPath,
    ) -> Result<Option<Versioned<Category>>, Failure> {
        self.store.get(&rows::category_key(path)).await?.as_ref().map(row::decode).transpose()
    }

    /// Categories by path, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn categories(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Category>, Option<String>), Failure> {
        let page = self.page(rows::CATEGORIES.to_owned(), after, limit).await?;
        let categories = page.items.iter().map(|item| row::decode(item).map(|row| row.value));
        Ok((categories.collect::<Result<_, _>>()?, page.next))
    }

    /// What the lines cost at that time, and why; lines of one SKU are merged. An order of the
    /// same lines costs the same, unless a price has changed between the two.
    ///
    /// # Errors
    /// [`QuoteError`]; only a `Failed` may work later.
    pub async fn quote(
        &self,
        lines: &[LineRequest],
        currency: Option<Currency>,
        now: Timestamp,
    ) -> Result<Quote, QuoteError> {
        let lines = merge_lines(lines)?;
        let mut offers = Vec::with_capacity(lines.len());
        for line in &lines {
            offers.push(self.product(&line.sku).await?.map(|product| product.offer()));
        }
        Ok(catalogue::quote(&lines, &offers, currency, now)?)
    }

    async fn page(
        &self,
        partition: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page, Failure> {
        let prefix = String::new();
        let query = Query { table: TABLE, partition, prefix, after, limit, descending: false };
        Ok(self.store.query(&query).await?)
    }
}
