//! A generator whose store can be away and whose clock can be set.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{Request, request::Builder};
use lmall_app::{
    Changeset, Refusal, Write,
    ids::{Ids, LeasedIds, Ulids, public::PublicIds},
    ports::{
        Chance, Clock, CommitError, IndexQuery, Item, Key, NewRow, Page, Query, Store, StoreError,
    },
    shutdown::{self, Trigger},
};
use lmall_domain::Timestamp;
use lmall_id_generator::Parts;
use lmall_web::{
    Metrics, OperatorToken,
    testing::{Answer, OPERATOR_TOKEN, call},
};
use parking_lot::Mutex;
use tokio::time::Instant;

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) public_ids: PublicIds,
    pub(crate) metrics: Metrics,
    pub(crate) leases: Arc<Leases>,
    pub(crate) clock: Arc<Told>,
    leased: Arc<LeasedIds>,
    keeping: Option<Trigger>,
}

impl World {
    /// A generator that holds no lease, and asks for none.
    pub(crate) fn new() -> Self {
        let (leases, metrics) = (Arc::<Leases>::default(), Metrics::new());
        let clock = Arc::new(Told { start: Instant::now(), set_by_ms: AtomicI64::new(0) });
        let leased = Arc::new(LeasedIds::unleased(leases.clone(), clock.clone()));
        lmall_id_generator::watch(leased.clone(), &metrics);
        let backup = Ulids::new(clock.clone(), clock.clone());
        let public_ids = PublicIds::default();
        let ids = Arc::new(Ids::new(leased.clone(), backup));
        let parts = Parts { ids, public_ids: public_ids.clone() };
        let token = OperatorToken::new(OPERATOR_TOKEN);
        let router = lmall_id_generator::router(parts, token, &metrics);
        Self { router, public_ids, metrics, leases, clock, leased, keeping: None }
    }

    /// Has it keep a lease from now on.
    pub(crate) async fn keep(&mut self) {
        let (trigger, stop) = shutdown::channel();
        self.keeping = Some(trigger);
        let keeper = self.leased.clone();
        tokio::spawn(async move { keeper.keep(stop).await });
        pass(1).await;
    }

    pub(crate) async fn send(&self, request: Builder, body: &'static str) -> Answer {
        let request = request.header("x-operator-token", OPERATOR_TOKEN).body(Body::from(body));
        call(self.router.clone(), request.expect("a valid request")).await
    }

    /// The ids of a batch and their kind.
    pub(crate) async fn draw(&self, query: &str) -> (Vec<String>, String) {
        let answer = self.send(Request::get(format!("/v1/ids{query}")), "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let drawn: Drawn = serde_json::from_str(&answer.text).expect("a batch");
        (drawn.ids, drawn.kind)
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> String {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Drawn {
    ids: Vec<String>,
    kind: String,
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A version and a body.
type Row = (u64, Arc<[u8]>);

/// Rows of leases.
#[derive(Default)]
pub(crate) struct Leases {
    rows: Mutex<BTreeMap<Key, Row>>,
    away: AtomicBool,
}

impl Leases {
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn present(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(StoreError("away".into())) } else { Ok(()) }
    }
}

fn item(key: &Key, (version, body): &Row) -> Item {
    Item { key: key.clone(), version: *version, body: body.to_vec().into() }
}

#[async_trait]
impl Store for Leases {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.present()?;
        Ok(self.rows.lock().get(key).map(|row| item(key, row)))
    }

    async fn query(&self, _query: &Query) -> Result<Page, StoreError> {
        self.present()?;
        let items = self.rows.lock().iter().map(|(key, row)| item(key, row)).collect();
        Ok(Page { items, next: None })
    }

    async fn query_index(&self, _query: &IndexQuery) -> Result<Page, StoreError> {
        unreachable!("leases are in no index")
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        self.present().map_err(|StoreError(cause)| CommitError::Unavailable(cause))?;
        let mut rows = self.rows.lock();
        for (write, _) in changeset.writes() {
            let (NewRow { key, body, .. }, version) = match write {
                Write::Insert(row) => (row, 0),
                Write::Replace(row, version) => (row, *version),
                Write::Adjust(..) | Write::Delete(..) | Write::Absent(_) => {
                    unreachable!("no lease is changed so")
                }
            };
            if rows.get(key).map_or(0, |(version, _)| *version) != version {
                return Err(CommitError::Refused(Refusal::Stale));
            }
            rows.insert(key.clone(), (version + 1, body.as_slice().into()));
        }
        Ok(())
    }
}

/// A clock that is tokio's, which a test pauses, and whose wall clock can be set; and chance.
pub(crate) struct Told {
    start: Instant,
    set_by_ms: AtomicI64,
}

impl Told {
    pub(crate) fn set_wall_by(&self, ms: i64) {
        self.set_by_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Told {
    fn now(&self) -> Timestamp {
        let start_ms = 1_768_386_600_000 + self.set_by_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(start_ms).after(self.start.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Chance for Told {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
