//! Finding products, and keeping the index of them current.
//!
//! The index follows the catalogue by itself: it asks for what has changed since it asked last,
//! from the beginning at first. So it may be in memory and be lost with the process, it needs no
//! message of its own, and as many processes as there are keep as many of them. What a process has
//! in its cache is held against the same changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lmall_domain::{Sku, Timestamp, catalogue::Product};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::{Catalogue, TABLE, row as rows};
use crate::{
    failure::Failure,
    ports::{Found, Index, IndexQuery, Search, Wanted},
    row,
};

/// How far the index may lag behind the catalogue when somebody looks for something.
const LAG_MAX: Duration = Duration::from_secs(1);

/// How often to [`catch_up`](ProductSearch::catch_up), so that what is known is hardly ever older
/// than a second.
pub const FOLLOW_EVERY: Duration = Duration::from_millis(500);

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
    /// How far the index is. Whoever holds it follows.
    until: Mutex<Option<Until>>,
    known: RwLock<Known>,
}

/// A moment by the clocks of those who write, told by what they wrote and not by a clock here: the
/// newest change, and the time that has passed since. So what was read long ago is not read again
/// for ever, and a clock that is wrong here misses nothing.
#[derive(Clone, Copy)]
struct Until {
    change: Timestamp,
    /// When it was that, by the clock here that only runs forward.
    at: Duration,
}

/// What the index knows.
#[derive(Default)]
struct Known {
    /// When it was last complete.
    complete_at: Option<Duration>,
    versions: HashMap<Sku, u32>,
}

impl ProductSearch {
    /// The products of the catalogue in this index, which is empty, if they are not more than
    /// `products_max`: with more, nothing is found at all rather than some of it.
    #[must_use]
    pub fn new(catalogue: Catalogue, search: Arc<dyn Search>, products_max: usize) -> Self {
        Self { catalogue, search, products_max, until: Mutex::default(), known: RwLock::default() }
    }

    /// Takes in what has changed; how many products.
    ///
    /// # Errors
    /// When the store or the index does not answer, or there are too many products.
    pub async fn catch_up(&self) -> Result<usize, Failure> {
        self.follow(&mut *self.until.lock().await).await
    }

    /// Whether the catalogue had no newer version of the product a second ago; false when nobody
    /// has looked since.
    #[must_use]
    pub fn is_newest(&self, product: &Product) -> bool {
        let known = self.known.read();
        self.is_recent(&known)
            && known.versions.get(&product.sku).is_none_or(|newest| *newest <= product.version)
    }

    fn is_recent(&self, known: &Known) -> bool {
        let now = self.catalogue.clock.monotonic();
        known.complete_at.is_some_and(|then| now.saturating_sub(then) <= LAG_MAX)
    }

    /// The products that are looked for. What was changed a second ago or earlier is seen.
    ///
    /// # Errors
    /// When the store or the index does not answer, or there are too many products.
    pub async fn find(&self, wanted: &Wanted) -> Result<Found, Failure> {
        if !self.is_recent(&self.known.read()) {
            // Whoever comes while somebody else asks waits: there is one question for all.
            let mut until = self.until.lock().await;
            if !self.is_recent(&self.known.read()) {
                self.follow(&mut until).await?;
            }
        }
        self.search.find(wanted).await
    }

    async fn follow(&self, until: &mut Option<Until>) -> Result<usize, Failure> {
        let started = self.catalogue.clock.monotonic();
        let mut after = until.map(|until| rows::changed_from(until.change.before(OVERLAP)));
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
            let newest = products.iter().map(|product| product.changed_at).max();
            taken += self.take(products).await?;
            let newer = newest.filter(|newest| until.is_none_or(|until| until.change < *newest));
            if let Some(change) = newer {
                *until = Some(Until { change, at: self.catalogue.clock.monotonic() });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        *until = until.map(|until| until.moved_to(started));
        self.known.write().complete_at = Some(started);
        Ok(taken)
    }

    async fn take(&self, products: Vec<Product>) -> Result<usize, Failure> {
        let news = self.news(products)?;
        if !news.is_empty() {
            self.search.put(&news).await?;
        }
        let mut known = self.known.write();
        known.versions.extend(news.iter().map(|product| (product.sku.clone(), product.version)));
        Ok(news.len())
    }

    /// The products whose version is not known, unless there are too many then.
    fn news(&self, mut products: Vec<Product>) -> Result<Vec<Product>, Failure> {
        let versions = &self.known.read().versions;
        products.retain(|product| {
            versions.get(&product.sku).is_none_or(|version| *version < product.version)
        });
        let unknown = products.iter().filter(|product| !versions.contains_key(&product.sku));
        if versions.len() + unknown.count() > self.products_max {
            let text = format!("there are more than {} products to search", self.products_max);
            return Err(Failure::Unavailable(text.into()));
        }
        Ok(products)
    }
}

impl Until {
    fn moved_to(self, now: Duration) -> Self {
        let passed = now.saturating_sub(self.at);
        Self { change: self.change.after(passed), at: now.max(self.at) }
    }
}
