//! What every bus promises.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    Trace,
    ports::{Bus, DeadLetter, DeadLetterFilter, DeadLetters, Delivery, Message, QueueDepth},
    topology::Queue,
};
use lmall_domain::event::Topic;

use crate::clock::ManualClock;

pub(crate) const QUEUE: Queue = Queue::Inventory;
const VISIBILITY: Duration = Duration::from_secs(30);

/// A message that inventory and payment hear.
pub(crate) fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.into(),
        dedup_id: id.into(),
        event_type: "order.created".into(),
        body: format!(r#"{{"id":"{id}"}}"#).into(),
        trace: Trace { correlation_id: Some("req-1".into()), traceparent: None },
        replays: 0,
    }
}

pub(crate) async fn publish(bus: &dyn Bus, messages: &[(&str, &str)]) {
    let messages = messages.iter().map(|(group, id)| message(group, id)).collect();
    for result in bus.publish(Topic::OrderEvents, messages).await {
        result.expect("the bus answers");
    }
}

pub(crate) async fn receive(bus: &dyn Bus, max: usize) -> Vec<Delivery> {
    bus.receive(QUEUE, max, Duration::ZERO, VISIBILITY).await.expect("the bus answers")
}

pub(crate) fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| &*delivery.message.dedup_id).collect()
}

pub(crate) async fn delete(bus: &dyn Bus, deliveries: &[Delivery]) {
    let receipts = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
    bus.delete(QUEUE, receipts).await.expect("the bus answers");
}

/// A message reaches each queue that subscribes to its type, as it was sent, and no other.
pub(crate) async fn fan_out(bus: &dyn Bus) {
    publish(bus, &[("g", "1")]).await;
    let other = Message { event_type: "no.such.event".into(), ..message("g", "2") };
    assert!(bus.publish(Topic::OrderEvents, vec![other]).await.iter().all(Result::is_ok));
    for (queue, expected) in [
        (Queue::Order, vec![]),
        (Queue::Inventory, vec![message("g", "1")]),
        (Queue::Payment, vec![message("g", "1")]),
        (Queue::Analytics, vec![]),
    ] {
        let received = bus.receive(queue, 10, Duration::ZERO, VISIBILITY).await;
        let received = received.expect("the bus answers").into_iter();
        assert_eq!(received.map(|delivery| delivery.message).collect::<Vec<_>>(), expected);
    }
}

/// While one of a group is held, nothing of the group is given to anybody; others are.
pub(crate) async fn groups_in_order(bus: &dyn Bus) {
    publish(bus, &[("g", "1"), ("g", "2"), ("h", "3"), ("g", "4"), ("g", "5")]).await;
    let first = receive(bus, 1).await;
    assert_eq!(ids(&first), ["1"]);
    assert_eq!(ids(&receive(bus, 10).await), ["3"]);
    delete(bus, &first).await;
    for expected in ["2", "4", "5"] {
        let next = receive(bus, 1).await;
        assert_eq!(ids(&next), [expected]);
        assert!(receive(bus, 10).await.is_empty(), "{expected} is still held");
        delete(bus, &next).await;
    }
}

/// What is not deleted in time comes again, before what follows it; its old receipt is void.
pub(crate) async fn redelivery(bus: &dyn Bus, clock: &ManualClock) {
    publish(bus, &[("g", "1"), ("g", "2")]).await;
    let first = receive(bus, 1).await;
    assert_eq!(first[0].receive_count, 1);
    clock.advance(VISIBILITY - Duration::from_millis(1));
    assert!(receive(bus, 10).await.is_empty());
    clock.advance(Duration::from_millis(1));
    let second = receive(bus, 1).await;
    assert_eq!((ids(&second), second[0].receive_count), (vec!["1"], 2));
    delete(bus, &first).await;
    assert!(receive(bus, 10).await.is_empty(), "a stale receipt deletes nothing");
    delete(bus, &second).await;
    assert_eq!(ids(&receive(bus, 10).await), ["2"]);
}

/// Backing off blocks the group until the message is visible again; extending keeps it.
pub(crate) async fn visibility(bus: &dyn Bus, clock: &ManualClock) {
    publish(bus, &[("g", "1"), ("g", "2")]).await;
    let change = async |delivery: &Delivery, seconds| {
        let visibility = Duration::from_secs(seconds);
        let changed = bus.change_visibility(QUEUE, &delivery.receipt, visibility).await;
        changed.expect("the bus answers");
    };
    let first = receive(bus, 1).await;
    change(&first[0], 5).await;
    assert!(receive(bus, 10).await.is_empty(), "the second waits for the first");
    clock.advance(Duration::from_secs(5));
    let second = receive(bus, 1).await;
    assert_eq!(ids(&second), ["1"]);
    change(&second[0], 60).await;
    clock.advance(Duration::from_secs(59));
    assert!(receive(bus, 10).await.is_empty());
    clock.advance(Duration::from_secs(1));
    let third = receive(bus, 1).await;
    assert_eq!((ids(&third), third[0].receive_count), (vec!["1"], 3));
    change(&third[0], 0).await;
    assert_eq!(ids(&receive(bus, 1).await), ["1"], "at once");
}

/// A second message with an id is dropped for five minutes from the first, and then accepted.
pub(crate) async fn deduplication(bus: &dyn Bus, clock: &ManualClock) {
    publish(bus, &[("g", "1"), ("g", "1")]).await;
    for (wait_ms, accepted) in [
        (0, true),
        (1, false),
        (150_000, false),
        (149_998, false),
        (1, true),
        (299_999, false),
        (1, true),
        (900_000, true),
    ] {
        clock.advance(Duration::from_millis(wait_ms));
        if wait_ms > 0 {
            publish(bus, &[("g", "1")]).await;
        }
        let received = receive(bus, 10).await;
        assert_eq!(ids(&received).len(), usize::from(accepted), "after {wait_ms} ms");
        delete(bus, &received).await;
    }
    // Each id has a window of its own, wherever that begins and ends.
    for step in 0..30 {
        let id = format!("step {}", step % 7);
        publish(bus, &[("g", &id)]).await;
        let received = receive(bus, 10).await;
        // The same id comes again after 7 steps of 43 seconds: 301 seconds.
        assert_eq!(received.len(), 1, "{step}");
        delete(bus, &received).await;
        if step >= 6 {
            let known = format!("step {}", (step + 1) % 7);
            publish(bus, &[("g", &known)]).await;
            assert!(receive(bus, 10).await.is_empty(), "{step}: after 258 seconds");
        }
        clock.advance(Duration::from_secs(43));
    }
}

/// A receiver that waits is woken by a message, and by a time-out of somebody else's.
pub(crate) async fn waiting<B: Bus + 'static>(bus: Arc<B>, clock: &ManualClock) {
    let wait = || {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move {
            let wait = Duration::from_secs(3600);
            bus.receive(QUEUE, 10, wait, VISIBILITY).await.expect("the bus answers")
        })
    };
    for round in 0..50 {
        let waiter = wait();
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        publish(&*bus, &[("g", &round.to_string())]).await;
        let received = waiter.await.expect("the waiter does not panic");
        assert_eq!(received.len(), 1);
        delete(&*bus, &received).await;
    }
    publish(&*bus, &[("g", "last")]).await;
    let held = receive(&*bus, 1).await;
    assert_eq!(held.len(), 1);
    let waiter = wait();
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(VISIBILITY);
    assert_eq!(waiter.await.expect("the waiter does not panic")[0].receive_count, 2);
}

/// Nothing is lost when a receiver gives up.
pub(crate) async fn giving_up<B: Bus + 'static>(bus: Arc<B>) {
    for round in 0..50 {
        let id = round.to_string();
        publish(&*bus, &[("g", &id)]).await;
        let receiving = {
            let bus = Arc::clone(&bus);
            tokio::spawn(async move { receive(&*bus, 10).await })
        };
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        receiving.abort();
        let received = match receiving.await {
            Ok(received) => received,
            Err(_) => receive(&*bus, 10).await,
        };
        assert_eq!(ids(&received), [id.as_str()]);
        delete(&*bus, &received).await;
    }
}

async fn dead(bus: &dyn DeadLetters, filter: DeadLetterFilter) -> Vec<DeadLetter> {
    bus.list(&filter, 10).await.expect("the bus answers")
}

async fn depth(bus: &dyn DeadLetters) -> (u64, u64, u64, u64) {
    let depths = bus.depths().await.expect("the bus answers");
    let of = |depth: &&QueueDepth| depth.queue == QUEUE;
    let depth = depths.iter().find(of).expect("every queue is there");
    (depth.visible, depth.in_flight, depth.dead, depth.parked)
}

/// Buries the two oldest of the queue.
async fn bury_two(bus: &dyn Bus) {
    for cause in ["first", "second"] {
        let delivery = receive(bus, 1).await.remove(0);
        let buried = bus.dead_letter(QUEUE, &delivery.receipt, cause, cause == "second").await;
        buried.expect("the bus answers");
        // Its receipt is stale by now.
        let again = bus.dead_letter(QUEUE, &delivery.receipt, "again", false).await;
        again.expect("the bus answers");
    }
}

/// Dead letters keep everything, let their group go on, and can be found, parked and counted.
pub(crate) async fn dead_letters<B: Bus + DeadLetters>(bus: &B) {
    publish(bus, &[("g", "1"), ("g", "2"), ("g", "3"), ("h", "4")]).await;
    assert_eq!(depth(bus).await, (4, 0, 0, 0));
    let held = receive(bus, 1).await;
    let none = Duration::ZERO;
    bus.change_visibility(QUEUE, &held[0].receipt, none).await.expect("the bus answers");
    let other = receive(bus, 1).await;
    assert_eq!(ids(&other), ["4"]);
    assert_eq!(depth(bus).await, (3, 1, 0, 0));
    bury_two(bus).await;
    assert_eq!(depth(bus).await, (1, 1, 2, 0));
    assert_eq!(ids(&receive(bus, 10).await), ["3"]);
    let all = dead(bus, DeadLetterFilter::default()).await;
    assert!(all[0].id < all[1].id);
    assert_eq!((&*all[0].cause, all[0].receive_count, all[0].permanent), ("first", 2, false));
    assert_eq!((&*all[1].cause, all[1].receive_count, all[1].permanent), ("second", 1, true));
    assert_eq!(all[0].message, message("g", "1"));
    let by = |filter: DeadLetterFilter| async { dead(bus, filter).await.len() };
    let filter = DeadLetterFilter::default;
    assert_eq!(by(DeadLetterFilter { after: Some(all[0].id.clone()), ..filter() }).await, 1);
    assert_eq!(by(DeadLetterFilter { queue: Some(Queue::Order), ..filter() }).await, 0);
    assert_eq!(by(DeadLetterFilter { group: Some("g".into()), ..filter() }).await, 2);
    assert_eq!(by(DeadLetterFilter { event_type: Some("x".into()), ..filter() }).await, 0);
    assert!(bus.park(&all[1].id).await.expect("the bus answers"));
    assert!(!bus.park(&all[1].id).await.expect("the bus answers"));
    assert_eq!(depth(bus).await, (0, 2, 1, 1));
}

/// A replay needs a new deduplication id for as long as the queue remembers the old one.
pub(crate) async fn redriving<B: Bus + DeadLetters>(bus: &B, clock: &ManualClock) {
    publish(bus, &[("g", "1"), ("h", "2")]).await;
    bury_two(bus).await;
    let letters = dead(bus, DeadLetterFilter::default()).await;
    let redrive = async |letter: &DeadLetter, message| {
        bus.redrive(&letter.id, message).await.expect("the bus answers")
    };
    let mut replay = message("g", "1#r1");
    replay.replays = 1;
    assert!(redrive(&letters[0], replay.clone()).await);
    assert!(!redrive(&letters[0], replay.clone()).await, "it is there no more");
    let received = receive(bus, 10).await;
    assert_eq!((&received[0].message, received[0].receive_count), (&replay, 1));
    delete(bus, &received).await;
    assert!(redrive(&letters[1], message("h", "2")).await);
    assert!(receive(bus, 10).await.is_empty(), "its old id is known: it is dropped");
    publish(bus, &[("i", "3"), ("i", "4")]).await;
    bury_two(bus).await;
    let letters = dead(bus, DeadLetterFilter::default()).await;
    clock.advance(Duration::from_secs(300));
    assert!(redrive(&letters[0], message("i", "3")).await);
    assert_eq!(ids(&receive(bus, 10).await), ["3"]);
}

/// A standard queue delivers messages of one group side by side.
pub(crate) async fn standard_queue(bus: &dyn Bus) {
    let confirmed = |id| Message { event_type: "order.confirmed".into(), ..message("g", id) };
    let sent = bus.publish(Topic::OrderEvents, vec![confirmed("1"), confirmed("2")]).await;
    assert!(sent.iter().all(Result::is_ok));
    for id in ["1", "2"] {
        let received = bus.receive(Queue::Analytics, 1, Duration::ZERO, VISIBILITY).await;
        assert_eq!(ids(&received.expect("the bus answers")), [id]);
    }
}
