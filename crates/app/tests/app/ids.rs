//! Order ids: no two alike, whoever makes them, whatever the wall clock does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lmall_app::{
    ids::LeasedIds,
    ports::{Clock, OrderIds},
    shutdown::{self, Trigger},
};
use lmall_domain::OrderId;
use proptest::{collection::vec, prelude::*};
use tokio::{task::JoinHandle, time::advance};

use super::support::{
    clock::{START, TestClock},
    store::{Fault, MemStore},
};

/// 2026-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_767_225_600_000;

struct World {
    store: Arc<MemStore>,
    clock: Arc<TestClock>,
}

/// A process that makes ids and keeps its lease.
struct Holder {
    ids: Arc<LeasedIds>,
    trigger: Trigger,
    kept: JoinHandle<()>,
}

impl World {
    fn new() -> Self {
        Self { store: Arc::default(), clock: Arc::new(TestClock::new()) }
    }

    async fn acquire(&self) -> LeasedIds {
        let clock: Arc<dyn Clock> = self.clock.clone();
        LeasedIds::acquire(self.store.clone(), clock).await.expect("a machine id is free")
    }

    async fn start(&self) -> Holder {
        let ids = Arc::new(self.acquire().await);
        let (trigger, shutdown) = shutdown::channel();
        let keeper = Arc::clone(&ids);
        let kept = tokio::spawn(async move { keeper.keep(shutdown).await });
        Holder { ids, trigger, kept }
    }
}

impl Holder {
    async fn stop(self) -> Arc<LeasedIds> {
        self.trigger.fire();
        self.kept.await.expect("it does not panic");
        self.ids
    }
}

fn next(ids: &LeasedIds) -> OrderId {
    ids.next().expect("the lease is held")
}

const fn machine(id: OrderId) -> u64 {
    id.get() >> 13 & 0x1ff
}

fn made_at_ms(id: OrderId) -> i64 {
    EPOCH_MS + i64::try_from(id.get() >> 22).expect("41 bits")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn two_holders_have_two_machine_ids() {
    let world = World::new();
    let (first, second) = (world.acquire().await, world.acquire().await);
    let made: Vec<_> = (0..100).flat_map(|_| [next(&first), next(&second)]).collect();
    assert!(made.chunks(2).all(|pair| machine(pair[0]) == 0 && machine(pair[1]) == 1));
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(made_at_ms(made[0]), START.as_millis());
}

#[tokio::test(start_paused = true)]
async fn ids_of_a_holder_ascend_with_time() {
    let world = World::new();
    let ids = world.acquire().await;
    let first = next(&ids);
    advance(Duration::from_millis(7)).await;
    let second = next(&ids);
    assert!(first < second);
    assert_eq!(made_at_ms(second) - made_at_ms(first), 7);
    // The wall clock has no say while the lease is held.
    world.clock.set_wall_by(-3_600_000);
    assert!(second < next(&ids));
}

#[tokio::test(start_paused = true)]
async fn a_holder_stops_before_its_lease_ends() {
    let world = World::new();
    let ids = world.acquire().await;
    for (passed_s, makes) in [(0, true), (49, true), (50, false), (3_600, false)] {
        let at = world.clock.monotonic();
        advance(Duration::from_secs(passed_s).saturating_sub(at)).await;
        assert_eq!(ids.next().is_ok(), makes, "after {passed_s} s");
    }
}

#[tokio::test(start_paused = true)]
async fn renewals_keep_a_holder_going_and_the_machine_id_its_own() {
    let world = World::new();
    let holder = world.start().await;
    for _ in 0..20 {
        pass(30).await;
        assert_eq!(machine(next(&holder.ids)), 0);
    }
    assert_eq!(machine(next(&world.acquire().await)), 1, "0 is taken");
    holder.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_holder_goes_on_after_an_outage() {
    let world = World::new();
    let holder = world.start().await;
    let before = next(&holder.ids);
    world.store.set_away(true);
    pass(51).await;
    assert!(holder.ids.next().is_err(), "the lease was not renewed");
    world.store.set_away(false);
    pass(10).await;
    assert!(before < next(&holder.ids));
    holder.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_counts() {
    for fault in [Fault::Lost, Fault::Unanswered, Fault::Unavailable] {
        let world = World::new();
        let holder = world.start().await;
        world.store.fail_commits([fault]);
        pass(55).await;
        assert!(holder.ids.next().is_ok(), "{fault:?}");
        holder.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_machine_id_was_taken_over_takes_another() {
    let world = World::new();
    let late = world.start().await;
    let mut made = vec![next(&late.ids)];
    // It cannot renew, its lease runs out, and another process is given its machine id.
    world.store.set_away(true);
    pass(61).await;
    world.store.set_away(false);
    let other = world.acquire().await;
    made.push(next(&other));
    assert_eq!(machine(made[1]), 0);
    for _ in 0..40 {
        let of_late = late.ids.next().ok();
        assert_ne!(of_late.map(machine), Some(0), "the machine id is another's");
        made.extend(of_late);
        made.extend(other.next().ok());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(late.ids.next().ok().map(machine), Some(1));
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len(), "an id was made twice");
    // It gives back its own, and not the other's.
    late.stop().await;
    assert_eq!(machine(next(&world.acquire().await)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_released_machine_id_is_used_again_with_later_ids() {
    let world = World::new();
    let holder = world.start().await;
    pass(100).await;
    let last = next(&holder.ids);
    let stopped = holder.stop().await;
    assert!(stopped.next().is_err(), "it gave its machine id back");
    for _ in 0..3 {
        let ids = world.acquire().await;
        let first = next(&ids);
        if machine(first) == 0 {
            assert!(made_at_ms(first) > made_at_ms(last));
        }
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!(machine(next(&world.start().await.ids)), 3);
}

#[tokio::test(start_paused = true)]
async fn all_machine_ids_can_be_taken() {
    let world = World::new();
    let mut holders = Vec::new();
    for expected in 0..512 {
        let ids = world.acquire().await;
        assert_eq!(machine(next(&ids)), expected);
        holders.push(ids);
    }
    let clock: Arc<dyn Clock> = world.clock.clone();
    assert!(LeasedIds::acquire(world.store.clone(), clock).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_millisecond_has_room_for_8192_ids_of_a_holder() {
    let world = World::new();
    let ids = world.acquire().await;
    let made: BTreeSet<_> = (0..8_192).map(|_| next(&ids)).collect();
    assert_eq!(made.len(), 8_192);
    advance(Duration::from_millis(1)).await;
    assert!(made.last() < Some(&next(&ids)));
}

/// What happens to the processes of a shop.
#[derive(Debug, Clone, Copy)]
enum Step {
    Start,
    /// Gives its machine id back.
    Stop(u8),
    Crash(u8),
    Make,
    Pass(u64),
    SetWallBy(i64),
    StoreAway(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Start),
        2 => any::<u8>().prop_map(Step::Stop),
        1 => any::<u8>().prop_map(Step::Crash),
        4 => Just(Step::Make),
        2 => (0..3_u64).prop_map(Step::Pass),
        2 => (0..80_000_u64).prop_map(Step::Pass),
        // Less than the margin between a generator's stop and its lease's end.
        2 => (-9_000..0_i64).prop_map(Step::SetWallBy),
        1 => any::<bool>().prop_map(Step::StoreAway),
    ];
    vec(step, 0..60)
}

async fn made_by(steps: Vec<Step>) -> Vec<OrderId> {
    let world = World::new();
    let mut holders: Vec<Holder> = Vec::new();
    let mut made = Vec::new();
    let mut away = false;
    for step in steps {
        match step {
            Step::Start if !away && holders.len() < 4 => holders.push(world.start().await),
            Step::Stop(which) if !holders.is_empty() => {
                let holder = holders.swap_remove(usize::from(which) % holders.len());
                made.extend(holder.stop().await.next().ok());
            }
            Step::Crash(which) if !holders.is_empty() => {
                let holder = holders.swap_remove(usize::from(which) % holders.len());
                holder.kept.abort();
            }
            Step::Start | Step::Stop(_) | Step::Crash(_) | Step::Make => {}
            Step::Pass(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::SetWallBy(ms) => world.clock.set_wall_by(ms),
            Step::StoreAway(now) => {
                away = now;
                world.store.set_away(now);
            }
        }
        for holder in &holders {
            made.extend((0..3).filter_map(|_| holder.ids.next().ok()));
        }
    }
    made
}

proptest! {
    #[test]
    fn no_id_is_made_twice(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let made = runtime.block_on(made_by(steps));
        prop_assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len());
    }
}
