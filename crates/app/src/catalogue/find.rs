//! Finding products, and keeping the index of them current.
//!
//! The index follows the catalogue by itself: it asks for what has changed since it asked last,
//! from the beginning at first. So it may be in memory and be lost with the process, it needs no
//! message of its own, and as many processes as there are keep as many of them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lmall_domain::{Sku, Timestamp, catalogue::Product};
use tokio::sync::Mutex;

use super::{Catalogue, TABLE, row as rows};
use crate::{
    failure::Failure,
    ports::{Found, Index, IndexQuery, Search, Wanted},
    row,
};

/// How far the index may lag behind the catalogue when somebody looks for something.
const LAG_MAX: Duration = Duration::from_secs(1);

/// How far back is asked again: what another process, whose clock is behind, has changed, and
/// what an index of the store shows late.
const OVERLAP: Duration = Duration::from_secs(5);

/// Changes read in one query.
const PAGE: usize = 1_000;

/// The products, found by what they say.
pub struct ProductSearch {
    catalogue: Catalogue,
    search: Arc<dyn Search>,
    products_max: usize,
    seen: Mutex<Seen>,
}

/// What the index knows.
#[derive(Default)]
struct Seen {
    /// The newest change.
    until: Option<Timestamp>,
    /// When it was last complete.
    complete_at: Option<Duration>,
    versions: HashMap<Sku, u32>,
}

impl ProductSearch {
    /// The products of the catalogue in this index, which is empty, if they are not more than
    /// `products_max`: with more, nothing is found at all rather than some of it.
    #[must_use]
    pub fn new(catalogue: Catalogue, search: Arc<dyn Search>, products_max: usize) -> Self {
        Self { catalogue, search, products_max, seen: Mutex::default() }
    }

    /// Takes in what has changed; how many products.
    ///
    /// # Errors
    /// When the store or the index does not answer, or there are too many products.
    pub async fn catch_up(&self) -> Result<usize, Failure> {
        self.follow(&mut *self.seen.lock().await).await
    }

    /// The products that are looked for. What was changed a second ago or earlier is seen.
    ///
    /// # Errors
    /// When the store or the index does not answer, or there are too many products.
    pub async fn find(&self, wanted: &Wanted) -> Result<Found, Failure> {
        // Whoever comes while somebody else asks waits: there is one question for all.
        let mut seen = self.seen.lock().await;
        let now = self.catalogue.clock.monotonic();
        if seen.complete_at.is_none_or(|then| now.saturating_sub(then) > LAG_MAX) {
            self.follow(&mut seen).await?;
        }
        drop(seen);
        self.search.find(wanted).await
    }

    async fn follow(&self, seen: &mut Seen) -> Result<usize, Failure> {
        let started = self.catalogue.clock.monotonic();
        let mut after = seen.until.map(|until| rows::changed_from(until.before(OVERLAP)));
        let mut taken = 0;
        loop {
            let query = IndexQuery {
                table: TABLE,
                index: Index::ByChange,
                partition: rows::CHANGES.to_owned(),
                after,
                until: None,
                limit: PAGE,
                descending: false,
            };
            let page = self.catalogue.store.query_index(&query).await?;
            let products: Vec<Product> =
                page.items.iter().filter_map(row::decode_or_skip).collect();
            taken += self.take(seen, products).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        seen.complete_at = Some(started);
        Ok(taken)
    }

    async fn take(&self, seen: &mut Seen, products: Vec<Product>) -> Result<usize, Failure> {
        let newest = products.iter().map(|product| product.changed_at).max();
        let mut news = products;
        news.retain(|product| {
            seen.versions.get(&product.sku).is_none_or(|version| *version < product.version)
        });
        let unknown = news.iter().filter(|product| !seen.versions.contains_key(&product.sku));
        if seen.versions.len() + unknown.count() > self.products_max {
            let text = format!("there are more than {} products to search", self.products_max);
            return Err(Failure::Unavailable(text.into()));
        }
        if !news.is_empty() {
            self.search.put(&news).await?;
        }
        for product in &news {
            seen.versions.insert(product.sku.clone(), product.version);
        }
        seen.until = seen.until.max(newest);
        Ok(news.len())
    }
}
