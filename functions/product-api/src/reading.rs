//! Reading products often: from memory, for a moment.
//!
//! Whoever asks for a product that is not in memory while somebody else does waits for that
//! answer, so however many come at once, the store is read once.
//!
//! What is in memory is shown for as long as the changes of the catalogue, which the search
//! follows, have no newer version of it. While nobody follows them, it is shown for [`FRESH_FOR`].
//! What this process changes is forgotten here at once.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    catalogue::{Catalogue, ProductSearch, Together},
    failure::{Failure, chain},
};
use lmall_domain::{Sku, catalogue::Product};
use moka::future::Cache;
use tokio::time::Instant;

/// For how long a product is shown when nobody knows whether it has changed.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// For how long a product is shown that has not changed: a bound on what a change that the search
/// missed can do.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// For how long what is bought together is shown without counting again.
const TOGETHER_FOR: Duration = Duration::from_secs(60);

/// Products in memory: some 1 KB each, 5 KB at most.
const PRODUCTS_MAX: u64 = 10_000;

/// Other SKUs that are counted for each: as many as are shown at most.
pub(crate) const TOGETHER_MAX: usize = 20;

/// Products, by way of memory.
pub(crate) struct Reading {
    catalogue: Catalogue,
    search: Arc<ProductSearch>,
    products: Cache<Sku, Read>,
    together: Cache<Sku, Arc<[Together]>>,
}

/// A product in memory.
#[derive(Clone)]
struct Read {
    product: Arc<Product>,
    /// When it was asked for.
    at: Instant,
}

/// Why a product is not put into memory.
enum Miss {
    Unknown,
    Failed(String),
}

impl Reading {
    pub(crate) fn new(catalogue: Catalogue, search: Arc<ProductSearch>) -> Self {
        let products = Cache::builder().max_capacity(PRODUCTS_MAX).time_to_live(KEPT_FOR);
        let together = Cache::builder().max_capacity(PRODUCTS_MAX).time_to_live(TOGETHER_FOR);
        Self { catalogue, search, products: products.build(), together: together.build() }
    }

    /// The product; `None` when the catalogue does not have it.
    pub(crate) async fn product(&self, sku: &Sku) -> Result<Option<Arc<Product>>, Failure> {
        if let Some(read) = self.products.get(sku).await {
            if self.is_fresh(&read) {
                return Ok(Some(read.product));
            }
            self.forget(sku).await;
        }
        let load = async {
            let at = Instant::now();
            match self.catalogue.product(sku).await {
                Ok(Some(product)) => Ok(Read { product: Arc::new(product), at }),
                Ok(None) => Err(Miss::Unknown),
                Err(failure) => Err(Miss::Failed(chain(&failure))),
            }
        };
        match self.products.try_get_with_by_ref(sku, load).await {
            Ok(read) => Ok(Some(read.product)),
            Err(miss) => match &*miss {
                Miss::Unknown => Ok(None),
                Miss::Failed(error) => Err(Failure::Unavailable(error.clone().into())),
            },
        }
    }

    fn is_fresh(&self, read: &Read) -> bool {
        read.at.elapsed() <= FRESH_FOR || self.search.is_newest(&read.product)
    }

    /// What is bought together with the SKU.
    pub(crate) async fn bought_with(&self, sku: &Sku) -> Result<Arc<[Together]>, Failure> {
        let load = async {
            let counted = self.catalogue.bought_with(sku, TOGETHER_MAX).await;
            counted.map(Arc::from).map_err(|failure| chain(&failure))
        };
        let together = self.together.try_get_with_by_ref(sku, load).await;
        together.map_err(|error| Failure::Unavailable(error.as_str().into()))
    }

    /// Looks again, the next time.
    pub(crate) async fn forget(&self, sku: &Sku) {
        self.products.invalidate(sku).await;
    }
}
