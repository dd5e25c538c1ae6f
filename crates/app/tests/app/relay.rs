//! The relay: in order, at least once, whatever fails.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lmall_app::{
    OutboxRow, Trace,
    ports::{Clock, Key, Store, Table},
    relay::{Relay, SWEEP_AGE},
};
use lmall_domain::{
    OrderId, Timestamp,
    event::{CancelReason, Event, OrderCancelRequested},
};
use proptest::{collection::vec, prelude::*};

use super::support::{
    bus::MemBus,
    clock::{START, TestClock},
    store::{Fault, MemStore},
};

struct World {
    store: Arc<MemStore>,
    bus: Arc<MemBus>,
    relay: Relay,
}

impl World {
    fn new() -> Self {
        let (store, bus) = (Arc::new(MemStore::default()), Arc::new(MemBus::new()));
        let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
        let relay = Relay::new(store.clone(), bus.clone(), clock);
        Self { store, bus, relay }
    }

    async fn is_pending(&self, row: &OutboxRow) -> bool {
        let item = self.store.get(&row.key()).await.expect("the store is there");
        let item = item.expect("an outbox row is kept");
        OutboxRow::from_body(&item.body).expect("an outbox row").1
    }

    fn published(&self) -> Vec<String> {
        self.bus.published().iter().map(|message| message.dedup_id.to_string()).collect()
    }
}

/// The row that order `order` wrote `age` before the test began.
fn row(order: u64, seq: u32, age: Duration) -> OutboxRow {
    let event = Event::from(OrderCancelRequested { reason: CancelReason::Customer });
    let order_id = OrderId::new(order).expect("in range");
    OutboxRow::new(order_id, seq, event, START.before(age), Trace::default())
}

fn rows(order: u64, seqs: impl IntoIterator<Item = u32>) -> Vec<OutboxRow> {
    seqs.into_iter().map(|seq| row(order, seq, Duration::ZERO)).collect()
}

fn ids(rows: &[OutboxRow]) -> Vec<String> {
    rows.iter().map(|row| row.event_id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_failed_comes_back_with_all_that_must_wait_for_it() {
    let world = World::new();
    // As a stream delivers them: each aggregate in order, aggregates mixed.
    let mixed = [rows(1, 1..=2), rows(2, 1..=3), rows(1, [3]), rows(3, [7])].concat();
    world.store.seed(mixed.iter().map(OutboxRow::pending));
    // The first round has 1-1, 2-1 and 3-7, the second 1-2 and 2-2, where 1-2 fails.
    world.bus.fail_publishes([false, false, false, true, false]);
    let unsent = world.relay.publish(mixed.clone()).await;
    assert_eq!(ids(&unsent), ["1-order-2", "1-order-3"]);
    let published = ["1-order-1", "2-order-1", "3-order-7", "2-order-2", "2-order-3"];
    assert_eq!(world.published(), published);
    for row in mixed {
        let waits = unsent.contains(&row);
        assert_eq!(world.is_pending(&row).await, waits, "{}", row.event_id);
    }
    assert_eq!(world.relay.publish(unsent).await, []);
    assert_eq!(world.published()[5..], ["1-order-2", "1-order-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_the_envelope_with_its_identity() {
    let world = World::new();
    let row = row(7, 3, Duration::ZERO);
    world.relay.publish(vec![row.clone()]).await;
    let [message] = &world.bus.published()[..] else { panic!("one message") };
    assert_eq!((&*message.group, &*message.dedup_id), ("7", "7-order-3"));
    assert_eq!((&*message.event_type, message.replays), ("order.cancel.requested", 0));
    assert_eq!(message.body, row.envelope);
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_mark_only_publishes_again() {
    for fault in [Fault::Unavailable, Fault::Lost, Fault::Unanswered] {
        let world = World::new();
        let old: Vec<_> = (1..=3).map(|seq| row(1, seq, SWEEP_AGE * 2)).collect();
        world.store.seed(old.iter().map(OutboxRow::pending));
        // The batch, and then each of its rows alone.
        world.store.fail_commits([fault; 4]);
        assert_eq!(world.relay.publish(old.clone()).await, [], "{fault:?}");
        world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("the store is there");
        let again = if fault == Fault::Unanswered { 1 } else { 2 };
        assert_eq!(world.published(), vec![ids(&old); again].concat(), "{fault:?}");
        for row in &old {
            assert!(!world.is_pending(row).await, "{fault:?}: {}", row.event_id);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_marked_before_do_not_keep_others_pending() {
    let world = World::new();
    let all = rows(1, 1..=100);
    world.store.seed(all.iter().map(OutboxRow::pending));
    world.relay.publish(all[..40].to_vec()).await;
    assert_eq!(world.relay.publish(all.clone()).await, []);
    for row in &all {
        assert!(!world.is_pending(row).await, "{}", row.event_id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_publishes_an_aggregate_from_its_oldest_lost_row_on() {
    let world = World::new();
    let (lost, fresh) = (SWEEP_AGE + Duration::from_secs(1), Duration::from_secs(59));
    // (order, seq, age, sent)
    let all = [
        (1, 1, lost * 2, true),
        (1, 2, lost, false),
        // It was published, and is published again: behind the one before it.
        (1, 3, lost, true),
        // Too young to be lost, but it must not overtake.
        (1, 4, fresh, false),
        (2, 1, fresh, false),
        (3, 1, lost, true),
        // The same shard as 1.
        (60, 1, SWEEP_AGE, false),
    ];
    for (order, seq, age, sent) in all {
        let row = row(order, seq, age);
        world.store.seed([row.pending()]);
        if sent {
            world.relay.publish(vec![row]).await;
        }
    }
    let before = world.published().len();
    let found = world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("the store is there");
    assert_eq!(found, 2);
    // In rounds of one row an order, by order: a run is like any other.
    let published = world.published().split_off(before);
    assert_eq!(published, ["1-order-2", "60-order-1", "1-order-3", "1-order-4"]);
    // Other tables are swept on their own.
    assert_eq!(world.relay.sweep(Table::Payment, SWEEP_AGE).await.expect("it is there"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_begins_with_a_row_that_its_index_does_not_have_yet() {
    let world = World::new();
    let lost = SWEEP_AGE * 2;
    let sent = row(1, 1, lost);
    world.store.seed([sent.pending()]);
    world.relay.publish(vec![sent]).await;
    let pending: Vec<_> = [2, 3].into_iter().map(|seq| row(1, seq, lost)).collect();
    world.store.seed(pending.iter().map(OutboxRow::pending));
    world.store.lag_indexes([pending[0].key()]);
    world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("the store is there");
    assert_eq!(world.published(), ["1-order-1", "1-order-2", "1-order-3"]);
    world.store.lag_indexes([]);
    assert_eq!(world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("it is there"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_goes_through_all_pages_and_again_after_a_failure() {
    let world = World::new();
    // All in one shard, and more than one page of it.
    let lost: Vec<_> = (1..=600).map(|n| row(n * 16, 1, SWEEP_AGE * 2)).collect();
    world.store.seed(lost.iter().map(OutboxRow::pending));
    world.bus.fail_publishes((0..256).map(|n| n == 100));
    world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("the store is there");
    let published = world.published().len();
    assert!((255..600).contains(&published), "{published} of 600");
    world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("the store is there");
    for row in &lost {
        assert!(!world.is_pending(row).await, "{}", row.event_id);
    }
    assert_eq!(world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("it is there"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_lost_or_swapped_records_lets_no_event_overtake() {
    let world = World::new();
    // What is PENDING, what of it the stream gives, and what is then published.
    for (what, pending, given, published) in [
        ("the stream has all", vec![(1, 1), (1, 2)], vec![(1, 1), (1, 2)], vec![(1, 1), (1, 2)]),
        ("it lost the first", vec![(2, 1), (2, 2)], vec![(2, 2)], vec![(2, 1), (2, 2)]),
        ("it swapped two", vec![(3, 1), (3, 2)], vec![(3, 2), (3, 1)], vec![(3, 1), (3, 2)]),
        (
            "it lost one, swapped two and gives one twice, between those of another order",
            vec![(4, 1), (4, 2), (4, 3), (5, 1)],
            vec![(4, 3), (5, 1), (4, 2), (4, 3)],
            vec![(4, 1), (5, 1), (4, 2), (4, 3)],
        ),
        ("the last is still to be given", vec![(6, 1), (6, 2)], vec![(6, 1)], vec![(6, 1)]),
        (
            "a later one is not hurried",
            vec![(7, 1), (7, 2), (7, 3)],
            vec![(7, 2)],
            vec![(7, 1), (7, 2)],
        ),
        // 8-1 is SENT.
        ("the first was published", vec![(8, 2)], vec![(8, 2)], vec![(8, 2)]),
        ("the second was lost", vec![(8, 3), (8, 4)], vec![(8, 4)], vec![(8, 3), (8, 4)]),
    ] {
        let row = |(order, seq): &(u64, u32)| row(*order, *seq, Duration::ZERO);
        world.store.seed([row(&(8, 1)).sent()]);
        world.store.seed(pending.iter().map(|of| row(of).pending()));
        let before = world.published().len();
        let unsent = world.relay.publish_from_stream(given.iter().map(row).collect()).await;
        assert_eq!(unsent.expect("the store is there"), [], "{what}");
        let published: Vec<_> = published.iter().map(row).collect();
        assert_eq!(world.published().split_off(before), ids(&published), "{what}");
        for row in &published {
            assert!(!world.is_pending(row).await, "{what}: {}", row.event_id);
        }
    }
}

/// A payment of many attempts has as many events: `MOVEMENTS_MAX` lets it.
#[tokio::test(start_paused = true)]
async fn however_many_events_came_before_none_is_left_behind_or_overtakes() {
    let world = World::new();
    let all: Vec<_> = (1..=502).map(|seq| row(1, seq, SWEEP_AGE * 2)).collect();
    let (before, pending) = all.split_at(499);
    world.store.seed(before.iter().map(OutboxRow::sent));
    world.store.seed(pending.iter().map(OutboxRow::pending));
    let unsent = world.relay.publish_from_stream(vec![pending[1].clone()]).await;
    assert_eq!(unsent.expect("the store is there"), []);
    assert_eq!(world.published(), ["1-order-500", "1-order-501"]);
    world.relay.sweep(Table::Order, SWEEP_AGE).await.expect("the store is there");
    assert_eq!(world.published(), ["1-order-500", "1-order-501", "1-order-502"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_publishes_first_events_without_a_store_and_nothing_else() {
    let world = World::new();
    world.store.set_away(true);
    let first = [rows(1, [1]), rows(2, [1])].concat();
    let second = [rows(3, [1]), rows(4, [2])].concat();
    assert!(world.relay.publish_from_stream(second).await.is_err());
    assert_eq!(world.published(), [""; 0]);
    // Nothing comes before a first event, so there is nothing to read.
    let unsent = world.relay.publish_from_stream(first).await;
    assert_eq!(unsent.expect("the store is not asked"), []);
    assert_eq!(world.published(), ["1-order-1", "2-order-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_without_a_store_says_so() {
    let world = World::new();
    world.store.set_away(true);
    assert!(world.relay.sweep(Table::Order, SWEEP_AGE).await.is_err());
}

proptest! {
    /// However publishing fails, an aggregate's events are first published in order, nothing is
    /// lost, and nothing is published a second time unless it came back.
    #[test]
    fn the_order_of_an_aggregate_is_never_broken(
        orders in vec(1..5_u64, 1..30),
        fails in vec(prop::bool::weighted(0.3), 0..60),
        batch in 1..10_usize,
    ) {
        let mut seqs = BTreeMap::new();
        let written = orders.iter().map(|order| {
            let seq = seqs.entry(*order).or_insert(0_u32);
            *seq += 1;
            row(*order, *seq, Duration::ZERO)
        });
        let written: Vec<_> = written.collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (published, keys) = runtime.block_on(async {
            let world = World::new();
            world.store.seed(written.iter().map(OutboxRow::pending));
            world.bus.fail_publishes(fails);
            let mut waiting = written.clone();
            while !waiting.is_empty() {
                // What a stream hands over: the first rows that are not done, in their order.
                let later = waiting.split_off(batch.min(waiting.len()));
                waiting = world.relay.publish(waiting).await;
                waiting.extend(later);
            }
            let keys: Vec<(Key, bool)> = futures_util::future::join_all(
                written.iter().map(async |row| (row.key(), world.is_pending(row).await)),
            )
            .await;
            (world.published(), keys)
        });
        for (key, pending) in keys {
            prop_assert!(!pending, "{key:?} was never marked");
        }
        let mut next = BTreeMap::new();
        for id in &published {
            let (order, seq) = id.split_once("-order-").expect("an event id");
            let next = next.entry(order.to_owned()).or_insert(1_u32);
            prop_assert_eq!(seq, next.to_string(), "of order {}", order);
            *next += 1;
        }
        prop_assert_eq!(published.len(), written.len());
    }
}

#[test]
fn an_outbox_row_survives_a_round_trip() {
    let trace = Trace { correlation_id: Some("req-1".into()), traceparent: None };
    let row = OutboxRow { trace, ..row(7, 3, Duration::from_millis(1)) };
    for (stored, pending) in [(row.pending(), true), (row.sent(), false)] {
        let read = OutboxRow::from_body(&stored.body).expect("an outbox row");
        assert_eq!(read, (row.clone(), pending));
        assert_eq!(stored.indexes.is_empty(), !pending, "only pending rows are in the index");
        assert_eq!(stored.key.sort, "outbox#000003");
    }
    assert_eq!(row.created_at, Timestamp::from_millis(START.as_millis() - 1));
}
