//! What every bus promises.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    Trace,
    ports::{Bus, DeadLetter, DeadLetterFilter, DeadLetters, Delivery, Message, QueueDepth},
    topology::Queue,
};
use lmall_domain::event::Topic;

use crate::time::Time;

/// The queue that the suite looks at.
pub const QUEUE: Queue = Queue::Inventory;

/// A message that inventory and payment hear.
pub fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.into(),
        dedup_id: id.into(),
        event_type: "order.created".into(),
        body: format!(r#"{{"id":"{id}"}}"#).into(),
        trace: Trace { correlation_id: Some("req-1".into()), traceparent: None },
        replays: 0,
    }
}

/// Publishes messages, by group and id.
pub async fn publish(bus: &dyn Bus, messages: &[(&str, &str)]) {
    let messages = messages.iter().map(|(group, id)| message(group, id)).collect();
    for result in bus.publish(Topic::OrderEvents, messages).await {
        result.expect("the bus answers");
    }
}

/// What there is to receive, soon.
pub async fn receive(bus: &dyn Bus, time: &dyn Time, max: usize) -> Vec<Delivery> {
    let received = bus.receive(QUEUE, max, time.patience(), time.visibility()).await;
    received.expect("the bus answers")
}

/// That there is nothing to receive.
pub async fn assert_nothing(bus: &dyn Bus, time: &dyn Time, why: &str) {
    let received = bus.receive(QUEUE, 10, Duration::ZERO, time.visibility()).await;
    assert_eq!(ids(&received.expect("the bus answers")), [""; 0], "{why}");
}

/// The deduplication ids of what was delivered.
pub fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| &*delivery.message.dedup_id).collect()
}

/// Deletes what was delivered.
pub async fn delete(bus: &dyn Bus, deliveries: &[Delivery]) {
    let receipts = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
    bus.delete(QUEUE, receipts).await.expect("the bus answers");
}

/// A message reaches each queue that subscribes to its type, as it was sent, and no other.
pub async fn fan_out(bus: &dyn Bus, time: &dyn Time) {
    publish(bus, &[("g", "1")]).await;
    let other = Message { event_type: "no.such.event".into(), ..message("g", "2") };
    assert!(bus.publish(Topic::OrderEvents, vec![other]).await.iter().all(Result::is_ok));
    for (queue, expected) in [
        (Queue::Order, vec![]),
        (Queue::Inventory, vec![message("g", "1")]),
        (Queue::Payment, vec![message("g", "1")]),
        (Queue::Analytics, vec![]),
    ] {
        let wait = if expected.is_empty() { Duration::ZERO } else { time.patience() };
        let received = bus.receive(queue, 10, wait, time.visibility()).await;
        let received = received.expect("the bus answers").into_iter();
        assert_eq!(received.map(|delivery| delivery.message).collect::<Vec<_>>(), expected);
    }
}

/// While one of a group is held, nothing of the group is given to anybody; others are.
pub async fn groups_in_order(bus: &dyn Bus, time: &dyn Time) {
    publish(bus, &[("g", "1"), ("g", "2"), ("h", "3"), ("g", "4"), ("g", "5")]).await;
    let first = receive(bus, time, 1).await;
    assert_eq!(ids(&first), ["1"]);
    assert_eq!(ids(&receive(bus, time, 10).await), ["3"]);
    delete(bus, &first).await;
    for expected in ["2", "4", "5"] {
        let next = receive(bus, time, 1).await;
        assert_eq!(ids(&next), [expected]);
        assert_nothing(bus, time, "one of the group is still held").await;
        delete(bus, &next).await;
    }
}

/// What is not deleted in time comes again, before what follows it; its old receipt is void.
pub async fn redelivery(bus: &dyn Bus, time: &dyn Time) {
    publish(bus, &[("g", "1"), ("g", "2")]).await;
    let first = receive(bus, time, 1).await;
    assert_eq!(first[0].receive_count, 1);
    time.pass(time.visibility() - time.step()).await;
    assert_nothing(bus, time, "it is held").await;
    time.pass(time.step()).await;
    let second = receive(bus, time, 1).await;
    assert_eq!((ids(&second), second[0].receive_count), (vec!["1"], 2));
    delete(bus, &first).await;
    assert_nothing(bus, time, "a stale receipt deletes nothing").await;
    delete(bus, &second).await;
    assert_eq!(ids(&receive(bus, time, 10).await), ["2"]);
}

/// Backing off blocks the group until the message is visible again; extending keeps it.
pub async fn visibility(bus: &dyn Bus, time: &dyn Time) {
    publish(bus, &[("g", "1"), ("g", "2")]).await;
    let change = async |delivery: &Delivery, visibility| {
        let changed = bus.change_visibility(QUEUE, &delivery.receipt, visibility).await;
        changed.expect("the bus answers");
    };
    let first = receive(bus, time, 1).await;
    let backoff = Duration::from_secs(2);
    change(&first[0], backoff).await;
    assert_nothing(bus, time, "the second waits for the first").await;
    time.pass(backoff).await;
    let second = receive(bus, time, 1).await;
    assert_eq!(ids(&second), ["1"]);
    change(&second[0], time.visibility() * 2).await;
    time.pass(time.visibility() * 2 - time.step()).await;
    assert_nothing(bus, time, "its time was extended").await;
    time.pass(time.step()).await;
    let third = receive(bus, time, 1).await;
    assert_eq!((ids(&third), third[0].receive_count), (vec!["1"], 3));
    change(&third[0], Duration::ZERO).await;
    assert_eq!(ids(&receive(bus, time, 1).await), ["1"], "at once");
}

/// A second message with an id is dropped, whether or not the first was handled.
pub async fn deduplication(bus: &dyn Bus, time: &dyn Time) {
    publish(bus, &[("g", "1"), ("g", "1"), ("h", "2")]).await;
    let received = receive(bus, time, 10).await;
    assert_eq!(ids(&received), ["1", "2"]);
    delete(bus, &received).await;
    publish(bus, &[("g", "1"), ("h", "2"), ("h", "3")]).await;
    assert_eq!(ids(&receive(bus, time, 10).await), ["3"]);
}

/// A second message with an id is dropped for five minutes from the first, and then accepted.
pub async fn deduplication_window(bus: &dyn Bus, time: &dyn Time) {
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
        time.pass(Duration::from_millis(wait_ms)).await;
        if wait_ms > 0 {
            publish(bus, &[("g", "1")]).await;
        }
        let received = receive(bus, time, 10).await;
        assert_eq!(ids(&received).len(), usize::from(accepted), "after {wait_ms} ms");
        delete(bus, &received).await;
    }
    // Each id has a window of its own, wherever that begins and ends.
    for step in 0..30 {
        let id = format!("step {}", step % 7);
        publish(bus, &[("g", &id)]).await;
        let received = receive(bus, time, 10).await;
        // The same id comes again after 7 steps of 43 seconds: 301 seconds.
        assert_eq!(received.len(), 1, "{step}");
        delete(bus, &received).await;
        if step >= 6 {
            let known = format!("step {}", (step + 1) % 7);
            publish(bus, &[("g", &known)]).await;
            assert_nothing(bus, time, "after 258 seconds").await;
        }
        time.pass(Duration::from_secs(43)).await;
    }
}

/// A receiver that waits is woken by a message, and by a time-out of somebody else's.
pub async fn waiting<B: Bus + 'static>(bus: Arc<B>, time: &dyn Time, rounds: u32) {
    let visibility = time.visibility();
    let wait = || {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move {
            let wait = Duration::from_secs(3600);
            bus.receive(QUEUE, 10, wait, visibility).await.expect("the bus answers")
        })
    };
    for round in 0..rounds {
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
    let held = receive(&*bus, time, 1).await;
    assert_eq!(held.len(), 1);
    let waiter = wait();
    time.somebody_waits().await;
    time.pass(visibility).await;
    assert_eq!(waiter.await.expect("the waiter does not panic")[0].receive_count, 2);
}

/// Nothing is lost when a receiver gives up.
pub async fn giving_up<B: Bus + 'static, T: Time + 'static>(
    bus: Arc<B>,
    time: Arc<T>,
    rounds: u32,
) {
    for round in 0..rounds {
        let id = round.to_string();
        publish(&*bus, &[("g", &id)]).await;
        let receiving = {
            let (bus, time) = (Arc::clone(&bus), Arc::clone(&time));
            tokio::spawn(async move { receive(&*bus, &*time, 10).await })
        };
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        receiving.abort();
        let received = match receiving.await {
            Ok(received) => received,
            Err(_) => receive(&*bus, &*time, 10).await,
        };
        assert_eq!(ids(&received), [id.as_str()]);
        delete(&*bus, &received).await;
    }
}

async fn dead(bus: &dyn DeadLetters, filter: DeadLetterFilter) -> Vec<DeadLetter> {
    bus.list(&filter, 10).await.expect("the bus answers")
}

/// Visible, in flight, dead and parked: soon these. A real server counts when it has time.
async fn assert_depth(letters: &dyn DeadLetters, time: &dyn Time, expected: (u64, u64, u64, u64)) {
    for tries_left in (0..20).rev() {
        let depths = letters.depths().await.expect("the bus answers");
        let of = |depth: &&QueueDepth| depth.queue == QUEUE;
        let depth = depths.iter().find(of).expect("every queue is there");
        let depth = (depth.visible, depth.in_flight, depth.dead, depth.parked);
        if depth == expected {
            return;
        }
        assert!(tries_left > 0 && !time.patience().is_zero(), "{depth:?}, not {expected:?}");
        time.pass(time.patience() / 20).await;
    }
}

/// Buries the two oldest of the queue.
pub async fn bury_two(bus: &dyn Bus, time: &dyn Time) {
    for cause in ["first", "second"] {
        let delivery = receive(bus, time, 1).await.remove(0);
        let buried = bus.dead_letter(&delivery, cause, cause == "second").await;
        buried.expect("the bus answers");
        // Its receipt is stale by now.
        let again = bus.dead_letter(&delivery, "again", false).await;
        again.expect("the bus answers");
    }
}

/// Dead letters keep everything, let their group go on, and can be found, parked and counted.
pub async fn dead_letters(bus: &dyn Bus, letters: &dyn DeadLetters, time: &dyn Time) {
    publish(bus, &[("g", "1"), ("g", "2"), ("g", "3"), ("h", "4")]).await;
    assert_depth(letters, time, (4, 0, 0, 0)).await;
    let held = receive(bus, time, 1).await;
    let none = Duration::ZERO;
    bus.change_visibility(QUEUE, &held[0].receipt, none).await.expect("the bus answers");
    let first = receive(bus, time, 1).await;
    let other = receive(bus, time, 1).await;
    let (first, other) = if ids(&first) == ["1"] { (first, other) } else { (other, first) };
    assert_eq!((ids(&first), ids(&other)), (vec!["1"], vec!["4"]));
    assert_depth(letters, time, (2, 2, 0, 0)).await;
    bus.dead_letter(&first[0], "first", false).await.expect("the bus answers");
    let second = receive(bus, time, 1).await;
    bus.dead_letter(&second[0], "second", true).await.expect("the bus answers");
    assert_depth(letters, time, (1, 1, 2, 0)).await;
    assert_eq!(ids(&receive(bus, time, 10).await), ["3"]);
    let all = dead(letters, DeadLetterFilter::default()).await;
    assert_eq!(all.len(), 2);
    assert!(all[0].id < all[1].id);
    assert_eq!((&*all[0].cause, all[0].receive_count, all[0].permanent), ("first", 2, false));
    assert_eq!((&*all[1].cause, all[1].receive_count, all[1].permanent), ("second", 1, true));
    assert_eq!(all[0].message, message("g", "1"));
    let by = |filter: DeadLetterFilter| async { dead(letters, filter).await.len() };
    let filter = DeadLetterFilter::default;
    assert_eq!(by(DeadLetterFilter { after: Some(all[0].id.clone()), ..filter() }).await, 1);
    assert_eq!(by(DeadLetterFilter { queue: Some(Queue::Order), ..filter() }).await, 0);
    assert_eq!(by(DeadLetterFilter { group: Some("g".into()), ..filter() }).await, 2);
    assert_eq!(by(DeadLetterFilter { event_type: Some("x".into()), ..filter() }).await, 0);
    assert!(letters.park(&all[1].id).await.expect("the bus answers"));
    assert!(!letters.park(&all[1].id).await.expect("the bus answers"));
    assert_depth(letters, time, (0, 2, 1, 1)).await;
}

/// A message is dead once, however often it is said.
pub async fn dead_once(bus: &dyn Bus, letters: &dyn DeadLetters, time: &dyn Time) {
    publish(bus, &[("g", "1"), ("h", "2")]).await;
    bury_two(bus, time).await;
    assert_eq!(dead(letters, DeadLetterFilter::default()).await.len(), 2);
}

async fn redrive(letters: &dyn DeadLetters, letter: &DeadLetter, message: Message) -> bool {
    letters.redrive(&letter.id, message).await.expect("the bus answers")
}

/// A replay needs a new deduplication id for as long as the queue remembers the old one.
pub async fn redriving(bus: &dyn Bus, letters: &dyn DeadLetters, time: &dyn Time) {
    publish(bus, &[("g", "1")]).await;
    let delivery = receive(bus, time, 1).await.remove(0);
    bus.dead_letter(&delivery, "first", false).await.expect("the bus answers");
    let dead = dead(letters, DeadLetterFilter::default()).await;
    let mut replay = message("g", "1#r1");
    replay.replays = 1;
    assert!(redrive(letters, &dead[0], replay.clone()).await);
    assert!(!redrive(letters, &dead[0], replay.clone()).await, "it is there no more");
    let received = receive(bus, time, 10).await;
    assert_eq!((&received[0].message, received[0].receive_count), (&replay, 1));
    delete(bus, &received).await;
    assert_nothing(bus, time, "it was sent once").await;
}

/// The old deduplication id of a replay is dropped within the window, and accepted after it.
pub async fn redriving_window(bus: &dyn Bus, letters: &dyn DeadLetters, time: &dyn Time) {
    publish(bus, &[("h", "2")]).await;
    let delivery = receive(bus, time, 1).await.remove(0);
    bus.dead_letter(&delivery, "first", false).await.expect("the bus answers");
    let old = dead(letters, DeadLetterFilter::default()).await;
    assert!(redrive(letters, &old[0], message("h", "2")).await);
    assert_nothing(bus, time, "its old id is known: it is dropped").await;
    publish(bus, &[("i", "3"), ("i", "4")]).await;
    bury_two(bus, time).await;
    let letters_now = dead(letters, DeadLetterFilter::default()).await;
    time.pass(Duration::from_secs(300)).await;
    assert!(redrive(letters, &letters_now[0], message("i", "3")).await);
    assert_eq!(ids(&receive(bus, time, 10).await), ["3"]);
}

/// A standard queue delivers messages of one group side by side.
pub async fn standard_queue(bus: &dyn Bus, time: &dyn Time) {
    let confirmed = |id| Message { event_type: "order.confirmed".into(), ..message("g", id) };
    let sent = bus.publish(Topic::OrderEvents, vec![confirmed("1"), confirmed("2")]).await;
    assert!(sent.iter().all(Result::is_ok));
    for id in ["1", "2"] {
        let wait = time.patience();
        let received = bus.receive(Queue::Analytics, 1, wait, time.visibility()).await;
        assert_eq!(ids(&received.expect("the bus answers")), [id]);
    }
}
