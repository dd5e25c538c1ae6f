//! One SKU in a ledger, with a gate in front of it; and how often the ledger is asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Changeset, OutboxRow, Trace,
    consumer::{Consumer, Incoming},
    ports::{
        Clock, CommitError, IndexQuery, Item, Key, Message, Page, Query, StockGate, Store,
        StoreError,
    },
    stock::{Inventory, Level, Settings},
};
use lmall_contract::gate::{order, sku};
use lmall_domain::{
    Money,
    event::{Event, OrderCreated, SkuQuantity},
    money::Currency,
    stock::State,
};
use lmall_embedded::{Embedded, SqliteStore};
use lmall_runtime::SystemClock;
use tempfile::TempDir;

/// How often an order is tried: as its message would come again.
const TRIES: u32 = 50;

pub(crate) struct Shop {
    pub(crate) inventory: Inventory,
    pub(crate) counted: Arc<Counted>,
    clock: SystemClock,
    _embedded: Embedded,
    _dir: TempDir,
}

/// A store that counts the questions for a ledger.
pub(crate) struct Counted {
    store: Arc<SqliteStore>,
    pub(crate) ledger_reads: AtomicUsize,
}

impl Shop {
    /// With so many units received.
    pub(crate) async fn new(gate: impl StockGate + 'static, units: i64) -> Self {
        let dir = TempDir::new().expect("a place for files");
        let clock = SystemClock::default();
        let embedded = Embedded::open(dir.path(), Arc::new(clock)).expect("a directory of our own");
        let counted = Counted { store: embedded.store(), ledger_reads: AtomicUsize::new(0) };
        let counted = Arc::new(counted);
        let settings = Settings { reservation_grace: Duration::from_secs(300), buckets: 2 };
        let inventory = Inventory::new(counted.clone(), Arc::new(gate), Arc::new(clock), settings);
        let shop = Self { inventory, counted, clock, _embedded: embedded, _dir: dir };
        let reference = "first".parse().expect("a reference");
        shop.inventory.receive(&sku(), reference, units, None).await.expect("the store is there");
        shop
    }

    /// Handles an order of one unit, as often as it takes; whether it is reserved.
    pub(crate) async fn reserve(&self, number: u64) -> bool {
        for last in 1..=TRIES {
            let incoming = self.incoming(number, self.created());
            match self.inventory.handle(incoming).await {
                Ok(()) => return self.state(number).await == State::Reserved,
                Err(error) => assert!(last < TRIES, "order {number}: {error:?}"),
            }
        }
        unreachable!("the last try panics")
    }

    pub(crate) async fn state(&self, number: u64) -> State {
        let reservation = self.inventory.reservation(order(number)).await;
        reservation.expect("the store is there").expect("it was tried").value.state
    }

    pub(crate) async fn level(&self) -> Level {
        let level = self.inventory.level(&sku()).await.expect("the store is there");
        level.expect("something was received")
    }

    fn created(&self) -> Event {
        OrderCreated {
            customer_id: "anna".parse().expect("a customer"),
            lines: vec![SkuQuantity { sku: sku(), quantity: 1 }],
            total: Money::new(1_000, Currency::from_code("EUR").expect("EUR is a currency")),
            pay_by: self.clock.now().after(Duration::from_secs(900)),
        }
        .into()
    }

    fn incoming(&self, number: u64, event: Event) -> Incoming {
        let row = OutboxRow::new(order(number), 1, event, self.clock.now(), Trace::default());
        let message: Message = row.message();
        Incoming::decode(&message).expect("a message of our own")
    }
}

#[async_trait]
impl Store for Counted {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.store.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.ledger_reads.fetch_add(1, Ordering::SeqCst);
        self.store.query(query).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.store.query_index(query).await
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        self.store.commit(changeset).await
    }
}
