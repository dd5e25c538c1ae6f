//! What every bus promises, where nothing is wrong.

use lmall_app::ports::DeadLetterFilter;

use super::*;

#[test]
fn a_message_reaches_those_who_subscribe_as_it_was_sent() {
    calmly(async |world| {
        let other = Message { event_type: "no.such.event".into(), ..message("g", "2") };
        world.publish(&[("g", "1")]).await;
        assert!(world.port.publish(Topic::OrderEvents, vec![other]).await[0].is_ok());
        world.kernel.sleep(SETTLED).await;
        for (queue, expected) in [
            (Queue::Order, vec![]),
            (Queue::Inventory, vec![message("g", "1")]),
            (Queue::Payment, vec![message("g", "1")]),
            (Queue::Analytics, vec![]),
        ] {
            let received = world.port.receive(queue, 10, Duration::ZERO, VISIBILITY).await;
            let received = received.unwrap().into_iter();
            assert_eq!(received.map(|held| held.message).collect::<Vec<_>>(), expected);
        }
    });
}

#[test]
fn a_group_is_delivered_in_order_and_held_by_one() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("g", "2"), ("g", "3"), ("g", "4"), ("g", "5")]).await;
        for expected in ["1", "2", "3", "4", "5"] {
            let next = receive(&world.port, 1).await;
            assert_eq!(ids(&next), [expected]);
            assert!(receive(&world.other(), 10).await.is_empty(), "{expected} is held");
            delete(&world.port, &next).await;
        }
        assert_eq!(world.port.aws.deliveries(), 5);
    });
}

#[test]
fn what_is_not_deleted_comes_again_and_its_old_receipt_is_void() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("g", "2")]).await;
        let first = receive(&world.port, 1).await;
        world.kernel.sleep(VISIBILITY).await;
        let second = receive(&world.port, 1).await;
        assert_eq!((ids(&second), second[0].receive_count), (vec!["1"], 2));
        delete(&world.port, &first).await;
        let receipt = Receipt("no receipt".to_owned());
        world.port.delete(QUEUE, vec![receipt]).await.unwrap();
        world.port.change_visibility(QUEUE, &first[0].receipt, SETTLED).await.unwrap();
        world.port.dead_letter(&first[0], "late", false).await.unwrap();
        assert_eq!(world.depth(), (1, 1, 0, 0));
        delete(&world.port, &second).await;
        assert_eq!(ids(&world.receive().await), ["2"]);
    });
}

async fn letters(port: &BusPort) -> Vec<DeadLetter> {
    port.list(&DeadLetterFilter::default(), 10).await.unwrap()
}

#[test]
fn dead_letters_keep_everything_and_let_their_group_go_on() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("g", "2"), ("g", "3")]).await;
        for (cause, permanent) in [("first", false), ("second", true)] {
            let held = receive(&world.port, 1).await.remove(0);
            world.port.dead_letter(&held, cause, permanent).await.unwrap();
        }
        assert_eq!(world.depth(), (1, 0, 2, 0));
        let all = letters(&world.port).await;
        let filter = DeadLetterFilter::default;
        assert_eq!((&*all[0].cause, all[0].receive_count, all[0].permanent), ("first", 1, false));
        assert_eq!((&*all[1].cause, all[1].permanent), ("second", true));
        assert_eq!(all[0].message, message("g", "1"));
        assert!(all[0].dead_at < all[1].dead_at);
        for (filter, expected) in [
            (DeadLetterFilter { after: Some(all[0].id.clone()), ..filter() }, 1),
            (DeadLetterFilter { after: Some("no id".to_owned()), ..filter() }, 0),
            (DeadLetterFilter { queue: Some(Queue::Order), ..filter() }, 0),
            (DeadLetterFilter { group: Some("g".to_owned()), ..filter() }, 2),
            (DeadLetterFilter { event_type: Some("x".to_owned()), ..filter() }, 0),
        ] {
            assert_eq!(world.port.list(&filter, 10).await.unwrap().len(), expected, "{filter:?}");
        }
        assert_eq!(world.port.list(&filter(), 1).await.unwrap().len(), 1);
        assert!(world.port.park(&all[1].id).await.unwrap());
        assert!(!world.port.park(&all[1].id).await.unwrap());
        assert!(!world.port.park("no id").await.unwrap());
        assert_eq!(world.depth(), (1, 0, 1, 1));
        assert_eq!(world.port.depths().await.unwrap(), world.port.aws.depths());
    });
}

#[test]
fn a_replay_under_the_old_id_is_dropped_and_under_a_new_one_is_not() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("h", "2")]).await;
        for held in world.receive().await {
            world.port.dead_letter(&held, "a cause", false).await.unwrap();
        }
        for letter in letters(&world.port).await {
            let mut replay = letter.message.clone();
            if &*replay.dedup_id == "1" {
                replay = Message { dedup_id: "1#r1".into(), replays: 1, ..replay };
            }
            assert!(world.port.redrive(&letter.id, replay.clone()).await.unwrap());
            assert!(!world.port.redrive(&letter.id, replay).await.unwrap(), "it is gone");
        }
        let received = world.receive().await;
        assert_eq!(ids(&received), ["1#r1"]);
        assert_eq!((received[0].receive_count, received[0].message.replays), (1, 1));
        assert_eq!(world.depth(), (0, 1, 0, 0));
        let again = world.log.of(QUEUE);
        assert!(again.contains(&"again 1#r1".to_owned()), "{again:?}");
    });
}

#[test]
fn a_standard_queue_delivers_a_group_side_by_side() {
    calmly(async |world| {
        let confirmed = |id| Message { event_type: "order.confirmed".into(), ..message("g", id) };
        world.port.publish(Topic::OrderEvents, vec![confirmed("1"), confirmed("2")]).await;
        world.kernel.sleep(SETTLED).await;
        for _ in 0..2 {
            let received = world.port.receive(Queue::Analytics, 1, SETTLED, VISIBILITY).await;
            assert_eq!(received.unwrap().len(), 1);
        }
    });
}
