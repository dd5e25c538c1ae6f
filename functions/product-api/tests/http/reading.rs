//! How often the store is read, and what is answered when the order service is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use futures_util::future::join_all;
use http::Request;
use lmall_app::{
    Changeset,
    catalogue::{Catalogue, ProductSearch},
    failure::Failure,
    ports::{
        CommitError, IndexQuery, Item, Key, Page, PriceCopies, Query, Store, StoreError, Table,
    },
};
use lmall_domain::Sku;
use lmall_embedded::{Embedded, SqliteStore};
use lmall_product_api::{Availability, Parts, TextIndex};
use lmall_runtime::SystemClock;
use lmall_web::{
    OperatorToken,
    testing::{OPERATOR_TOKEN, call, json},
};
use tempfile::TempDir;

use crate::support::Peers;

/// A store that counts how often it is asked for a product, and takes its time.
struct Counted {
    store: Arc<SqliteStore>,
    reads: AtomicUsize,
}

#[async_trait]
impl Store for Counted {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        if key.table == Table::Catalogue {
            self.reads.fetch_add(1, Ordering::SeqCst);
            // Long enough that everybody else has come meanwhile.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        self.store.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.store.query_index(query).await
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        self.store.commit(changeset).await
    }
}

struct Plenty;

#[async_trait]
impl Availability for Plenty {
    async fn available(&self, _sku: &Sku) -> Result<i64, Failure> {
        Ok(7)
    }
}

pub(crate) struct World {
    pub(crate) router: Router,
    search: Arc<ProductSearch>,
    counted: Arc<Counted>,
    _embedded: Embedded,
    _dir: TempDir,
}

/// A shop whose order service is away.
pub(crate) fn world() -> World {
    let dir = TempDir::new().expect("a place for files");
    let clock = Arc::new(SystemClock::default());
    let embedded = Embedded::open(dir.path(), clock).expect("a directory of our own");
    let counted = Arc::new(Counted { store: embedded.store(), reads: AtomicUsize::new(0) });
    let (router, search) = task(&counted);
    World { router, search, counted, _embedded: embedded, _dir: dir }
}

/// One of the processes that share the store.
fn task(counted: &Arc<Counted>) -> (Router, Arc<ProductSearch>) {
    let copies: Arc<dyn PriceCopies> = Arc::new(Peers);
    let clock = Arc::new(SystemClock::default());
    let catalogue = Catalogue::new(counted.clone(), clock, copies);
    let index = Arc::new(TextIndex::new().expect("there is memory"));
    let search = Arc::new(ProductSearch::new(catalogue.clone(), index, 10));
    let parts = Parts { catalogue, search: search.clone(), availability: Arc::new(Plenty) };
    (lmall_product_api::router(parts, OperatorToken::new(OPERATOR_TOKEN)), search)
}

impl World {
    /// The status of the answer to a product with this price.
    async fn put(&self, amount: i64) -> u16 {
        Self::put_at(&self.router, amount).await
    }

    /// The same, by another process.
    async fn put_elsewhere(&self, amount: i64) {
        Self::put_at(&task(&self.counted).0, amount).await;
    }

    async fn put_at(router: &Router, amount: i64) -> u16 {
        let body = format!(r#"{{"name":"Tea","price":{{"amount":{amount},"currency":"EUR"}}}}"#);
        let put = json(Request::put("/v1/products/tea"))
            .header("x-operator-token", OPERATOR_TOKEN)
            .body(body.into())
            .expect("a valid request");
        call(router.clone(), put).await.status
    }

    async fn get(&self) -> String {
        let get = Request::get("/v1/products/tea").body(String::new().into());
        let answer = call(self.router.clone(), get.expect("a valid request")).await;
        assert_eq!(answer.status, 200);
        answer.text
    }

    fn reads(&self) -> usize {
        self.counted.reads.swap(0, Ordering::SeqCst)
    }
}

/// Lets what is in memory grow older than anything is shown unasked.
async fn a_while() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_thousand_readers_of_a_cold_product_read_the_store_once() {
    let world = world();
    world.put(499).await;
    world.reads();
    let answers = join_all((0..1_000).map(|_| world.get())).await;
    assert_eq!(world.reads(), 1);
    assert!(answers.iter().all(|answer| answer.contains("499")));
}

#[tokio::test]
async fn a_changed_product_is_not_shown_as_it_was_and_202_says_that_orders_are_behind() {
    let world = world();
    for amount in [499, 599, 699] {
        assert_eq!(world.put(amount).await, 202, "the order service is away");
        assert!(world.get().await.contains(&amount.to_string()));
    }
}

#[tokio::test]
async fn whoever_follows_the_changes_reads_again_what_has_changed_and_nothing_else() {
    let world = world();
    world.put(499).await;
    world.get().await;
    a_while().await;
    world.search.catch_up().await.expect("a store that answers");
    world.reads();
    assert!(world.get().await.contains("499"));
    assert_eq!(world.reads(), 0, "nothing has changed");
    world.put_elsewhere(599).await;
    world.search.catch_up().await.expect("a store that answers");
    assert!(world.get().await.contains("599"));
}

#[tokio::test]
async fn whoever_does_not_follow_the_changes_looks_again_after_a_second() {
    let world = world();
    world.put(499).await;
    world.get().await;
    world.put_elsewhere(599).await;
    assert!(world.get().await.contains("499"), "it is a moment ago");
    a_while().await;
    assert!(world.get().await.contains("599"));
}
