//! The rules, each with the page that states it, below <https://docs.aws.amazon.com/sns/latest/>.

use lmall_app::Trace;

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.into(),
        dedup_id: id.into(),
        event_type: "order.created".into(),
        body: "{}".into(),
        trace: Trace::default(),
        replays: 0,
    }
}

/// `dg/fifo-message-dedup.html`: within five minutes, a message with the same id is accepted and
/// not delivered.
#[test]
fn a_topic_drops_what_it_knows() {
    let mut topic = FifoTopic::new(Topic::OrderEvents);
    for (at, id, accepted) in [
        (0, "1", true),
        (1, "1", false),
        (1, "2", true),
        (299_999, "1", false),
        (300_000, "1", true),
    ] {
        let arrivals = topic.publish(millis(at), &message("g", id), |_| Duration::ZERO);
        assert_eq!(arrivals.is_some(), accepted, "{id} at {at} ms");
    }
}

/// `dg/sns-subscription-filter-policies.html`: each subscription gets what its filter lets
/// through; what no filter does is accepted.
#[test]
fn a_topic_delivers_to_those_who_subscribe() {
    let mut topic = FifoTopic::new(Topic::OrderEvents);
    let arrivals = topic.publish(millis(5), &message("g", "1"), |_| millis(2)).unwrap();
    let at = millis(7);
    let expected = [Queue::Inventory, Queue::Payment].map(|queue| Arrival { queue, at });
    assert_eq!(arrivals, expected);
    let other = Message { event_type: "payment.captured".into(), ..message("g", "2") };
    assert_eq!(topic.publish(millis(5), &other, |_| millis(2)), Some(vec![]));
}

/// `dg/fifo-topic-message-ordering.html`: within a group, in the order of publishing.
#[test]
fn a_message_never_overtakes_one_of_its_group() {
    let mut topic = FifoTopic::new(Topic::OrderEvents);
    let mut arrive = |now, group, id, slow: Option<Queue>| {
        let delay = |queue| millis(if Some(queue) == slow { 2_000 } else { 10 });
        let arrivals = topic.publish(millis(now), &message(group, id), delay).unwrap();
        arrivals.iter().map(|arrival| arrival.at).collect::<Vec<_>>()
    };
    assert_eq!(arrive(0, "g", "1", Some(Queue::Inventory)), [millis(2_000), millis(10)]);
    assert_eq!(arrive(1, "g", "2", None), [millis(2_000), millis(11)]);
    assert_eq!(arrive(1, "h", "3", None), [millis(11), millis(11)], "another group may");
    assert_eq!(arrive(3_000, "g", "4", None), [millis(3_010), millis(3_010)]);
}
