//! Ids in batches: Snowflakes under a lease, ULIDs without, and the way back.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lmall_app::{
    ids::{Batch, Ids, LeasedIds, Ulids},
    ports::{Chance, Clock, NoId, OrderIds},
    shutdown::{self, Trigger},
};
use lmall_domain::OrderId;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::support::{clock::TestClock, store::MemStore};

/// No chance at all: what ascends does so without it.
struct NoChance;

impl Chance for NoChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

struct Generator {
    store: Arc<MemStore>,
    clock: Arc<TestClock>,
    leased: Arc<LeasedIds>,
    ids: Ids,
    /// Dropped, it would end the keeping.
    _running: Option<(Trigger, JoinHandle<()>)>,
}

impl Generator {
    /// On this store; nothing has been asked of it.
    fn new(store: Arc<MemStore>) -> Self {
        let clock = Arc::new(TestClock::new());
        let of_ids: Arc<dyn Clock> = clock.clone();
        let leased = Arc::new(LeasedIds::unleased(store.clone(), of_ids.clone()));
        let ids = Ids::new(leased.clone(), Ulids::new(of_ids, Arc::new(NoChance)));
        Self { store, clock, leased, ids, _running: None }
    }

    async fn start(store: Arc<MemStore>) -> Self {
        let mut generator = Self::new(store);
        let (trigger, stop) = shutdown::channel();
        let keeper = generator.leased.clone();
        let kept = tokio::spawn(async move { keeper.keep(stop).await });
        generator._running = Some((trigger, kept));
        pass_ms(1).await;
        generator
    }

    /// The kind of the next batch, whose ids ascend and are as many as were asked for.
    fn kind(&self) -> &'static str {
        match self.ids.batch(100) {
            Batch::Snowflakes(ids) => {
                assert!(ids.len() == 100 && ids.is_sorted_by(|a, b| a < b), "{ids:?}");
                "snowflake"
            }
            Batch::Ulids(ids) => {
                assert!(ids.len() == 100 && ids.is_sorted_by(|a, b| a < b), "{ids:?}");
                "ulid"
            }
        }
    }
}

async fn pass_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_the_start_is_waited_for() {
    let store = Arc::<MemStore>::default();
    store.set_away(true);
    let generator = Generator::start(store).await;
    assert_eq!((generator.kind(), generator.leased.leased()), ("ulid", None));
    pass_ms(60_000).await;
    assert_eq!(generator.kind(), "ulid");
    generator.store.set_away(false);
    pass_ms(5_000).await;
    assert_eq!(generator.kind(), "snowflake");
    assert!(generator.leased.leased().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_generator_without_a_machine_id_waits_for_one() {
    let store = Arc::<MemStore>::default();
    let mut holders = Vec::new();
    for _ in 0..512 {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
        holders.push(LeasedIds::acquire(store.clone(), clock).await.expect("one is free"));
    }
    let generator = Generator::start(store).await;
    assert_eq!(generator.kind(), "ulid");
    // Nobody renews them.
    pass_ms(59_000).await;
    assert_eq!(generator.kind(), "ulid");
    pass_ms(6_000).await;
    assert_eq!(generator.kind(), "snowflake");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_is_a_gap_of_ulids() {
    let generator = Generator::start(Arc::default()).await;
    assert_eq!(generator.kind(), "snowflake");
    generator.store.set_away(true);
    let before = generator.leased.leased().expect("a lease");
    pass_ms(30_000).await;
    let later = generator.leased.leased().expect("a lease");
    assert_eq!(generator.kind(), "snowflake");
    assert!(later.machine == before.machine && later.remaining < before.remaining);
    pass_ms(30_000).await;
    assert_eq!((generator.kind(), generator.leased.leased()), ("ulid", None));
    generator.store.set_away(false);
    pass_ms(5_000).await;
    assert_eq!(generator.kind(), "snowflake");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_is_counted_and_not_followed() {
    let generator = Generator::start(Arc::default()).await;
    let mut made = BTreeSet::new();
    let mut draw = || match generator.ids.batch(10) {
        Batch::Snowflakes(ids) => {
            let last = made.last().copied();
            assert!(ids.iter().all(|id| Some(*id) > last), "{ids:?} after {last:?}");
            made.extend(ids);
        }
        Batch::Ulids(ids) => panic!("{ids:?}"),
    };
    draw();
    // What a time server does is no setting back.
    generator.clock.set_wall_by(-400);
    pass_ms(21_000).await;
    assert_eq!(generator.leased.rollbacks(), 0);
    generator.clock.set_wall_by(-3_600_000);
    draw();
    pass_ms(21_000).await;
    draw();
    generator.clock.set_wall_by(3_600_000);
    generator.clock.set_wall_by(-1_000);
    draw();
    // The first was seen by a renewal; the jump forward is none.
    assert_eq!(generator.leased.rollbacks(), 1);
    generator.clock.set_wall_by(-1_000);
    assert_eq!(generator.leased.rollbacks(), 2);
}

/// A lease that is good for so many ids.
struct Ending(Mutex<u64>);

impl OrderIds for Ending {
    fn next(&self) -> Result<OrderId, NoId> {
        let mut left = self.0.lock();
        *left = left.checked_sub(1).ok_or(NoId)?;
        OrderId::new(1_000 - *left).ok_or(NoId)
    }
}

#[tokio::test]
async fn a_lease_that_ends_within_a_batch_makes_no_mixed_one() {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
    let leased = Arc::new(Ending(Mutex::new(15)));
    let ids = Ids::new(leased, Ulids::new(clock, Arc::new(NoChance)));
    assert!(matches!(ids.batch(10), Batch::Snowflakes(made) if made.len() == 10));
    assert!(matches!(ids.batch(10), Batch::Ulids(made) if made.len() == 10));
}
