//! The order service's own copy of the catalogue.

use lmall_domain::{Sku, product::Product};

use super::{Orders, TABLE};
use crate::{
    Changeset,
    failure::{Failure, Round, committed, rounds},
    ports::Query,
    row,
};

/// What putting a product came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutProduct {
    /// It is new.
    Created,
    /// Later orders use the new price; placed ones keep theirs.
    Changed,
}

impl Orders {
    /// The product; `None` when the catalogue does not have it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn product(&self, sku: &Sku) -> Result<Option<Product>, Failure> {
        let item = self.store.get(&row::product_key(sku)).await?;
        Ok(item.as_ref().map(row::decode).transpose()?.map(|product| product.value))
    }

    /// Products by SKU, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn product_page(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Product>, Option<String>), Failure> {
        let query = Query {
            table: TABLE,
            partition: row::CATALOGUE.to_owned(),
            prefix: String::new(),
            after,
            limit,
            descending: false,
        };
        let page = self.store.query(&query).await?;
        let products = page.items.iter().map(|item| row::decode(item).map(|row| row.value));
        Ok((products.collect::<Result<_, _>>()?, page.next))
    }

    /// Creates or changes a product.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_product(&self, product: &Product) -> Result<PutProduct, Failure> {
        let key = row::product_key(&product.sku);
        rounds(&*self.clock, 0, async || {
            let version = self.store.get(&key).await?.map_or(0, |item| item.version);
            let changes = Changeset::new().put(row::plain(key.clone(), product), version);
            let done = if version == 0 { PutProduct::Created } else { PutProduct::Changed };
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(done),
                Err(_) => Round::Again,
            })
        })
        .await
    }
}
