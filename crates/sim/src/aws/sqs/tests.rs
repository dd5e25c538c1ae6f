//! The rules, each with the page that states it, below
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/>.

use lmall_app::{Trace, backoff::RECEIVES_MAX, topology::Queue};

use super::*;

const VISIBILITY: Duration = Duration::from_secs(30);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.into(),
        dedup_id: id.into(),
        event_type: "order.created".into(),
        body: format!("body of {id}").into(),
        trace: Trace::default(),
        replays: 0,
    }
}

fn fifo(messages: &[(&str, &str)]) -> MessageQueue {
    let mut queue = MessageQueue::new(Kind::Fifo, RECEIVES_MAX);
    for (group, id) in messages {
        assert!(queue.send(Duration::ZERO, message(group, id)), "{id} is new");
    }
    queue
}

/// Receives, the group that has waited longest first.
fn receive(queue: &mut MessageQueue, now: Duration, max: usize) -> Vec<Taken> {
    let received = queue.receive(now, max, VISIBILITY, |_| 0);
    assert!(received.exhausted.is_empty());
    received.taken
}

fn ids(taken: &[Taken]) -> Vec<&str> {
    taken.iter().map(|taken| &*taken.message.dedup_id).collect()
}

/// `SQSDeveloperGuide/FIFO-key-terms.html`: within five minutes of the first, a message with the
/// same id is accepted and not delivered, "even after the message has been received and deleted".
#[test]
fn an_id_is_known_for_five_minutes_from_its_first_acceptance() {
    let mut queue = fifo(&[("g", "1")]);
    let taken = receive(&mut queue, secs(1), 10);
    queue.delete(secs(2), taken[0].handle).unwrap();
    for (at, entered) in [(3, false), (150, false), (299, false), (300, true), (599, false)] {
        assert_eq!(queue.send(secs(at), message("g", "1")), entered, "at {at} s");
    }
    assert!(queue.send(secs(600), message("g", "1")), "a dropped one begins no window");
    assert!(queue.send(secs(600), message("h", "1")), "another group has ids of its own");
}

/// The same page: a replay under the old id is dropped silently, one under a new id is not.
#[test]
fn a_replay_needs_a_new_id() {
    let mut queue = fifo(&[("g", "1")]);
    let handle = receive(&mut queue, secs(1), 1)[0].handle;
    queue.delete(secs(1), handle).unwrap();
    assert!(!queue.send(secs(200), message("g", "1")));
    assert!(queue.send(secs(200), message("g", "1#r1")));
    assert_eq!(ids(&receive(&mut queue, secs(200), 10)), ["1#r1"]);
}

/// `SQSDeveloperGuide/FIFO-queues-understanding-logic.html`: one receive may give several of a
/// group, in order; the next gives none of it "unless the currently received messages are
/// deleted or become visible again"; other groups go on.
#[test]
fn a_group_waits_for_those_of_it_that_are_held() {
    let mut queue = fifo(&[("g", "1"), ("h", "a"), ("g", "2"), ("g", "3"), ("g", "4")]);
    let first = receive(&mut queue, secs(0), 3);
    assert_eq!(ids(&first), ["1", "2", "3"]);
    let other = receive(&mut queue, secs(0), 10);
    assert_eq!(ids(&other), ["a"]);
    for taken in &first[..2] {
        queue.delete(secs(1), taken.handle).unwrap();
        assert!(receive(&mut queue, secs(1), 10).is_empty(), "3 is still held");
    }
    queue.delete(secs(1), first[2].handle).unwrap();
    assert_eq!(ids(&receive(&mut queue, secs(1), 10)), ["4"]);
}

/// The same page: which group comes next is not said, the order within it is.
#[test]
fn any_group_may_be_next() {
    let mut queue = fifo(&[("g", "1"), ("h", "a"), ("g", "2"), ("i", "x"), ("h", "b")]);
    let received = queue.receive(secs(0), 3, VISIBILITY, |ready| ready - 1);
    assert_eq!(ids(&received.taken), ["x", "a", "b"]);
}

/// `APIReference/API_ReceiveMessage.html`: `MaxNumberOfMessages`, "valid values: 1 to 10".
#[test]
fn a_receive_gives_ten_at_most() {
    let mut queue = fifo(&[]);
    for number in 0..12 {
        queue.send(secs(0), message("g", &number.to_string()));
    }
    assert_eq!(receive(&mut queue, secs(0), 100).len(), 10);
}

/// `SQSDeveloperGuide/sqs-visibility-timeout.html`: what is not deleted in time is visible
/// again, and a later receive counts; in a FIFO queue it comes before what follows it.
#[test]
fn a_failed_message_comes_again_before_the_next_of_its_group() {
    let mut queue = fifo(&[("g", "1"), ("g", "2")]);
    let first = receive(&mut queue, secs(0), 1);
    assert_eq!(first[0].receive_count, 1);
    assert!(receive(&mut queue, VISIBILITY - Duration::from_millis(1), 10).is_empty());
    assert_eq!(queue.next_timeout(), Some(VISIBILITY));
    let again = receive(&mut queue, VISIBILITY, 10);
    assert_eq!(ids(&again), ["1", "2"]);
    assert_eq!([again[0].receive_count, again[1].receive_count], [2, 1]);
}

/// `APIReference/API_DeleteMessage.html`: the handle of the latest receive counts.
/// `SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html` and
/// `APIReference/API_ReceiveMessage.html`: in a FIFO queue, deleting after the visibility
/// time-out fails.
#[test]
fn a_receipt_ends_with_its_time_out() {
    let mut queue = fifo(&[("g", "1")]);
    let old = receive(&mut queue, secs(0), 1)[0].handle;
    assert_eq!(queue.delete(VISIBILITY, old).unwrap_err(), Refusal::Stale);
    assert_eq!(queue.change_visibility(VISIBILITY, old, secs(9)), Err(Refusal::Stale));
    let new = receive(&mut queue, VISIBILITY, 1)[0].handle;
    assert_eq!(queue.delete(VISIBILITY, old).unwrap_err(), Refusal::Stale);
    assert!(queue.look(VISIBILITY, old).is_none());
    assert_eq!(&*queue.delete(VISIBILITY, new).unwrap().message.dedup_id, "1");
    assert_eq!(queue.delete(VISIBILITY, new).unwrap_err(), Refusal::Stale);
    assert_eq!(queue.depth(VISIBILITY), (0, 0));
}

/// `APIReference/API_ChangeMessageVisibility.html`: the new time-out counts from the call; zero
/// ends it at once; "a maximum of 12 hours" in all.
#[test]
fn visibility_counts_from_the_call_and_has_a_limit() {
    let mut queue = fifo(&[("g", "1"), ("g", "2")]);
    let taken = receive(&mut queue, secs(0), 1)[0].handle;
    queue.change_visibility(secs(20), taken, secs(100)).unwrap();
    assert!(receive(&mut queue, secs(119), 10).is_empty());
    let taken = receive(&mut queue, secs(120), 1)[0].handle;
    let hours = secs(12 * 3_600);
    assert_eq!(queue.change_visibility(secs(121), taken, hours), Err(Refusal::TooLong));
    queue.change_visibility(secs(121), taken, hours - secs(1)).unwrap();
    queue.change_visibility(secs(122), taken, Duration::ZERO).unwrap();
    let again = receive(&mut queue, secs(122), 1);
    assert_eq!((ids(&again), again[0].receive_count), (vec!["1"], 3));
}

/// `SQSDeveloperGuide/sqs-dead-letter-queues.html`: "when the `ReceiveCount` for a message
/// exceeds the `maxReceiveCount`", it is moved; its group goes on.
#[test]
fn a_sixth_receive_moves_a_message_instead() {
    let mut queue = fifo(&[("g", "1"), ("g", "2")]);
    let mut now = Duration::ZERO;
    for count in 1..=5 {
        let taken = receive(&mut queue, now, 1);
        assert_eq!((ids(&taken), taken[0].receive_count), (vec!["1"], count));
        now += VISIBILITY;
    }
    let received = queue.receive(now, 1, VISIBILITY, |_| 0);
    assert_eq!(ids(&received.taken), ["2"]);
    assert_eq!(&*received.exhausted[0].message.dedup_id, "1");
    assert_eq!(received.exhausted[0].receive_count, 5);
    assert_eq!(queue.depth(now), (0, 1));
}

/// `APIReference/API_SetQueueAttributes.html`: `MessageRetentionPeriod`, up to 14 days, from the
/// sending on, whoever holds the message.
#[test]
fn a_message_is_lost_after_14_days() {
    let mut queue = fifo(&[("g", "1"), ("g", "2")]);
    queue.send(secs(10), message("g", "3"));
    assert!(queue.expire(RETENTION - secs(1)).is_empty());
    assert_eq!(ids(&receive(&mut queue, RETENTION - secs(1), 1)), ["1"]);
    let lost = queue.expire(RETENTION);
    assert_eq!(lost.iter().map(|lost| &*lost.message.dedup_id).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(ids(&receive(&mut queue, RETENTION, 10)), ["3"]);
}

/// `SQSDeveloperGuide/standard-queues.html`: no order, side by side, not deduplicated; a handle
/// is good until the message is received again.
#[test]
fn a_standard_queue_orders_nothing() {
    let mut queue = MessageQueue::new(Kind::Standard, RECEIVES_MAX);
    for _ in 0..2 {
        assert!(queue.send(secs(0), message("g", "1")));
    }
    let first = queue.receive(secs(0), 1, VISIBILITY, |ready| ready - 1).taken.remove(0);
    let second = receive(&mut queue, secs(0), 1).remove(0);
    queue.delete(VISIBILITY, first.handle).unwrap();
    receive(&mut queue, VISIBILITY, 1);
    assert_eq!(queue.delete(VISIBILITY, second.handle).unwrap_err(), Refusal::Stale);
}

fn death(queue: Queue, id: &str, sent_at: Duration) -> Death {
    let message = message("g", id);
    Death { queue, message, sent_at, cause: "a cause".into(), receive_count: 5, permanent: false }
}

/// `SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html`: the deduplication id is
/// replaced, so that two messages which share one are both stored; the body is kept.
#[test]
fn letters_that_share_an_id_are_both_kept() {
    let mut dead = DeadLetterQueues::default();
    let first = dead.bury(secs(0), death(Queue::Order, "1", secs(0)));
    let second = dead.bury(secs(0), death(Queue::Order, "1", secs(0)));
    assert!(first < second);
    assert_eq!(dead.depth(Queue::Order), (2, 0));
    assert_eq!(dead.get(second).unwrap().death.message, message("g", "1"));
    assert_eq!(dead.after(Some(first)).map(|(id, _)| id).collect::<Vec<_>>(), [second]);
}

/// `SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html`: FIFO starts the clock again
/// with the move, a standard queue does not. What is parked is in no queue.
#[test]
fn letters_are_lost_after_14_days_unless_parked() {
    let mut dead = DeadLetterQueues::default();
    let parked = dead.bury(secs(100), death(Queue::Order, "1", secs(0)));
    dead.bury(secs(100), death(Queue::Order, "2", secs(0)));
    dead.bury(secs(100), death(Queue::Analytics, "3", secs(0)));
    assert!(dead.park(secs(101), parked));
    assert!(!dead.park(secs(102), parked));
    let mut lost = |now| {
        let lost = dead.expire(now).into_iter();
        lost.map(|letter| letter.death.message.dedup_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(lost(RETENTION), ["3"]);
    assert_eq!(lost(RETENTION + secs(99)), [""; 0]);
    assert_eq!(lost(RETENTION + secs(100)), ["2"]);
    assert_eq!(lost(RETENTION * 9), [""; 0]);
    assert_eq!(dead.depth(Queue::Order), (0, 1));
}

#[test]
fn a_handle_reads_as_it_is_written() {
    let handle = Handle { entry: 7, receive: 42 };
    assert_eq!(Handle::parse(&handle.to_string()), Some(handle));
    for text in ["", "7", "7.", ".42", "a.b"] {
        assert_eq!(Handle::parse(text), None, "{text}");
    }
}
