//! The index of products follows the catalogue: it misses nothing, and reads nothing for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Changeset, Trace,
    catalogue::{Catalogue, ProductSearch},
    failure::Failure,
    ports::{
        CommitError, Found, IndexQuery, Item, Key, Page, PriceCopies, Query, Search, Store,
        StoreError, Wanted,
    },
};
use lmall_domain::{
    Sku,
    catalogue::{Change, Product},
    event::ProductChanged,
    money::{Currency, Money},
};

use tokio::{sync::Mutex, time::timeout};

use super::support::{clock::TestClock, store::MemStore};

/// Counts the rows that an index gives; it gives none while somebody holds `closed`.
#[derive(Default)]
struct Counted {
    store: MemStore,
    rows: AtomicUsize,
    closed: Mutex<()>,
}

#[async_trait]
impl Store for Counted {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.store.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.query(query).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        let _open = self.closed.lock().await;
        let page = self.store.query_index(query).await?;
        self.rows.fetch_add(page.items.len(), Ordering::SeqCst);
        Ok(page)
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        self.store.commit(changeset).await
    }
}

/// Nobody has copies of prices, and nothing is found.
struct Nothing;

#[async_trait]
impl PriceCopies for Nothing {
    async fn tell(&self, _sku: &Sku, _changed: &ProductChanged) -> Result<(), Failure> {
        Ok(())
    }
}

#[async_trait]
impl Search for Nothing {
    async fn put(&self, _products: &[Product]) -> Result<(), Failure> {
        Ok(())
    }

    async fn remove(&self, _skus: &[Sku]) -> Result<(), Failure> {
        Ok(())
    }

    async fn find(&self, _wanted: &Wanted) -> Result<Found, Failure> {
        Ok(Found::default())
    }
}

/// The catalogue as a process sees it whose clock is off by so many milliseconds.
fn process(store: &Arc<Counted>, off_by: i64) -> Catalogue {
    let clock = TestClock::new();
    clock.set_wall_by(off_by);
    Catalogue::new(store.clone(), Arc::new(clock), Arc::new(Nothing))
}

async fn put(catalogue: &Catalogue, sku: &str, amount: i64) -> Product {
    let price = Money::new(amount, Currency::from_code("EUR").expect("ISO 4217 has it"));
    let (name, description, categories) = ("Tea".to_owned(), None, None);
    let change = Change::Put { name, price, description, categories };
    let sku = sku.parse().expect("a SKU");
    catalogue.change(&sku, &change, &Trace::default()).await.expect("a change").product
}

#[tokio::test(start_paused = true)]
async fn what_was_read_a_while_ago_is_not_read_again_for_ever() {
    let store = Arc::new(Counted::default());
    let catalogue = process(&store, 0);
    let search = ProductSearch::new(catalogue.clone(), Arc::new(Nothing), 100);
    for number in 0..50 {
        put(&catalogue, &format!("tea-{number}"), 100).await;
    }
    let follow = async || {
        let taken = search.catch_up().await.expect("a store that answers");
        (taken, store.rows.swap(0, Ordering::SeqCst))
    };
    assert_eq!(follow().await, (50, 50));
    assert_eq!(follow().await, (0, 50), "once more: somebody's clock may be behind");
    for _ in 0..12 {
        tokio::time::advance(Duration::from_millis(500)).await;
        follow().await;
    }
    assert_eq!(follow().await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_process_changes_whose_clock_is_behind_is_seen_however_long_nothing_happened() {
    let store = Arc::new(Counted::default());
    let (ahead, behind) = (process(&store, 2_000), process(&store, -2_900));
    let search = ProductSearch::new(process(&store, 3_600_000), Arc::new(Nothing), 100);
    for round in 1..50_u32 {
        put(&ahead, "tea", round.into()).await;
        search.catch_up().await.expect("a store that answers");
        tokio::time::advance(Duration::from_millis(700) * round).await;
        search.catch_up().await.expect("a store that answers");
        let old = put(&behind, "tea", i64::from(100 + round)).await;
        assert_eq!(search.catch_up().await.expect("a store that answers"), 1, "{round}");
        assert!(search.is_newest(&old));
    }
}

#[tokio::test(start_paused = true)]
async fn a_product_is_the_newest_until_a_newer_one_is_seen_or_nobody_looks() {
    let store = Arc::new(Counted::default());
    let catalogue = process(&store, 0);
    let search = ProductSearch::new(catalogue.clone(), Arc::new(Nothing), 100);
    let first = put(&catalogue, "tea", 100).await;
    assert!(!search.is_newest(&first), "nobody has looked yet");
    search.catch_up().await.expect("a store that answers");
    assert!(search.is_newest(&first));
    let second = put(&catalogue, "tea", 200).await;
    search.catch_up().await.expect("a store that answers");
    assert!(!search.is_newest(&first) && search.is_newest(&second));
    tokio::time::advance(Duration::from_millis(1_001)).await;
    assert!(!search.is_newest(&second), "nobody has looked for a second");
}

#[tokio::test(start_paused = true)]
async fn a_search_does_not_wait_for_who_follows_while_what_is_known_is_recent() {
    let store = Arc::new(Counted::default());
    let search = ProductSearch::new(process(&store, 0), Arc::new(Nothing), 100);
    search.catch_up().await.expect("a store that answers");
    let closed = store.closed.lock().await;
    let wanted = Wanted { text: "tea".to_owned(), category: None, offset: 0, limit: 1 };
    let searches = async {
        let at_once = timeout(Duration::from_millis(1), search.find(&wanted)).await;
        tokio::time::advance(Duration::from_millis(1_001)).await;
        let later = timeout(Duration::from_secs(60), search.find(&wanted)).await;
        (at_once.is_ok(), later.is_ok())
    };
    tokio::select! {
        biased;
        _ = search.catch_up() => panic!("the store is closed"),
        answered = searches => assert_eq!(answered, (true, false)),
    }
    drop(closed);
    search.find(&wanted).await.expect("a store that answers");
}
