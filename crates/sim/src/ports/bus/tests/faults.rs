//! What a call did, and what it said, where something is wrong.

use std::collections::BTreeSet;

use super::*;

const MANY: usize = 40;

/// Nearly always: a chance has a limit.
fn only(fault: Fault) -> Faults {
    Faults::only(fault, 500_000)
}

fn numbered() -> Vec<Message> {
    (0..MANY).map(|number| message(&format!("g{number}"), &format!("e{number}"))).collect()
}

/// Publishes until it is said to have worked; there is one of each then.
async fn fill(world: &World) {
    for result in world.port.publish(Topic::OrderEvents, numbered()).await {
        result.unwrap();
    }
    world.kernel.sleep(SETTLED).await;
}

#[test]
fn an_entry_that_is_refused_is_not_published_and_others_are() {
    run(1, only(Fault::PublishRefused), async |world| {
        let results = world.port.publish(Topic::OrderEvents, numbered()).await;
        world.kernel.sleep(SETTLED).await;
        let accepted = results.iter().enumerate().filter(|(_, result)| result.is_ok());
        let accepted: BTreeSet<_> = accepted.map(|(number, _)| format!("e{number}")).collect();
        assert!((5..35).contains(&accepted.len()));
        let received = world.receive().await;
        let arrived = received.iter().map(|held| held.message.dedup_id.to_string());
        assert_eq!(arrived.collect::<BTreeSet<_>>(), accepted);
    });
}

#[test]
fn an_entry_that_is_not_answered_for_is_published() {
    run(1, only(Fault::PublishUnanswered), async |world| {
        let results = world.port.publish(Topic::OrderEvents, numbered()).await;
        assert!(results.iter().any(Result::is_err));
        world.port.publish(Topic::OrderEvents, numbered()).await;
        world.kernel.sleep(SETTLED).await;
        assert_eq!(world.receive().await.len(), MANY);
    });
}

#[test]
fn a_receive_that_fails_receives_nothing() {
    run(1, only(Fault::ReceiveFails), async |world| {
        fill(&world).await;
        for _ in 0..10 {
            let before = world.depth();
            let received = world.port.receive(QUEUE, 3, Duration::ZERO, VISIBILITY).await;
            assert_eq!(received.is_err(), world.depth() == before);
        }
        assert!(world.kernel.elapsed() < VISIBILITY);
    });
}

#[test]
fn a_receive_that_is_not_answered_counts() {
    run(1, only(Fault::ReceiveUnanswered), async |world| {
        fill(&world).await;
        let mut failed = 0;
        while world.depth().0 > 0 {
            let received = world.port.receive(QUEUE, 1, Duration::ZERO, VISIBILITY).await;
            failed += usize::from(received.is_err());
        }
        assert!(failed > 0);
        let reached = MANY - failed;
        assert_eq!(world.port.aws.deliveries(), u64::try_from(reached).unwrap());
        world.kernel.sleep(VISIBILITY).await;
        world.kernel.end_faults();
        assert!(world.receive().await.iter().all(|held| held.receive_count == 2));
    });
}

/// Calls for each message, and tells whether the call failed and whether the message is held
/// still.
async fn each(
    world: &World,
    call: impl AsyncFn(BusPort, Delivery) -> Result<(), BusError>,
) -> Vec<(bool, bool)> {
    fill(world).await;
    let mut seen = Vec::new();
    for held in world.receive().await {
        let before = world.depth().1;
        let result = call(world.port.clone(), held).await;
        seen.push((result.is_err(), world.depth().1 == before));
    }
    assert!(seen.iter().any(|(failed, _)| *failed));
    seen
}

#[test]
fn an_acknowledgement_that_is_lost_deletes_nothing() {
    run(1, only(Fault::AckLost), async |world| {
        let delete =
            async |port: BusPort, held: Delivery| port.delete(QUEUE, vec![held.receipt]).await;
        let seen = each(&world, delete).await;
        assert!(seen.iter().all(|(failed, is_held)| failed == is_held));
    });
}

#[test]
fn an_acknowledgement_that_is_not_answered_deletes() {
    run(1, only(Fault::AckUnanswered), async |world| {
        let delete =
            async |port: BusPort, held: Delivery| port.delete(QUEUE, vec![held.receipt]).await;
        let seen = each(&world, delete).await;
        assert!(seen.iter().all(|(_, is_held)| !is_held));
        let deleted = world.log.of(QUEUE).into_iter().filter(|line| line.starts_with("deleted"));
        assert_eq!(deleted.count(), MANY);
    });
}

#[test]
fn a_change_of_visibility_that_is_lost_changes_nothing() {
    run(1, only(Fault::VisibilityLost), async |world| {
        let release = async |port: BusPort, held: Delivery| {
            port.change_visibility(QUEUE, &held.receipt, Duration::ZERO).await
        };
        let seen = each(&world, release).await;
        assert!(seen.iter().all(|(failed, is_held)| failed == is_held));
    });
}

#[test]
fn a_dead_letter_may_be_left_in_its_queue_and_die_again() {
    run(1, only(Fault::DeadLetterHalf), async |world| {
        let bury =
            async |port: BusPort, held: Delivery| port.dead_letter(&held, "a cause", false).await;
        let seen = each(&world, bury).await;
        assert!(seen.iter().all(|(failed, is_held)| failed == is_held));
        let many = u64::try_from(MANY).unwrap();
        assert_eq!(world.depth().2, many);
        let half = world.depth().1;
        world.kernel.end_faults();
        for _ in 0..5 {
            world.kernel.sleep(VISIBILITY).await;
            world.receive().await;
        }
        assert_eq!(world.depth(), (0, 0, many + half, 0));
    });
}

#[test]
fn a_letter_may_be_sent_again_and_stay() {
    run(1, only(Fault::RedriveHalf), async |world| {
        fill(&world).await;
        for held in world.receive().await {
            world.port.dead_letter(&held, "a cause", false).await.unwrap();
        }
        let mut half = 0;
        for letter in world.port.aws.letters() {
            let replay = Message {
                dedup_id: format!("{}#r1", letter.message.dedup_id).into(),
                ..letter.message.clone()
            };
            half += u64::from(world.port.redrive(&letter.id, replay).await.is_err());
        }
        assert!(half > 0);
        assert_eq!(world.depth(), (u64::try_from(MANY).unwrap(), 0, half, 0));
    });
}

#[test]
fn a_duplicated_message_comes_up_to_ten_times_more_within_a_minute() {
    run(1, only(Fault::Duplicated), async |world| {
        fill(&world).await;
        world.kernel.sleep(Duration::from_secs(60)).await;
        let mut received = Vec::new();
        while world.depth().0 > 0 {
            let some = world.receive().await;
            delete(&world.port, &some).await;
            received.extend(some);
        }
        assert!((MANY * 2..MANY * 6).contains(&received.len()), "{}", received.len());
        let unique: BTreeSet<_> = ids(&received).into_iter().collect();
        assert_eq!(unique.len(), received.len(), "each copy has an id of its own");
        let bodies: BTreeSet<_> = received.iter().map(|held| held.message.body.clone()).collect();
        assert_eq!(bodies.len(), MANY, "and the body of the original");
        world.kernel.sleep(Duration::from_secs(86_400)).await;
        assert_eq!(world.depth(), (0, 0, 0, 0), "a copy is not copied");
    });
}

#[test]
fn a_message_comes_again_outside_the_deduplication_window() {
    for (fault, minutes) in [(Fault::After6Minutes, 6), (Fault::After11Minutes, 11)] {
        run(1, only(fault), async move |world: World| {
            fill(&world).await;
            delete(&world.port, &world.receive().await).await;
            world.kernel.sleep(Duration::from_secs(minutes * 60 - 10)).await;
            assert!(world.receive().await.is_empty());
            world.kernel.sleep(Duration::from_secs(10)).await;
            let copies = world.receive().await;
            assert!((5..35).contains(&copies.len()), "{}", copies.len());
        });
    }
}

#[test]
fn a_message_is_laid_by_to_come_again_when_the_caller_says() {
    for fault in [Fault::After25Hours, Fault::After15Days] {
        run(1, only(fault), async move |world: World| {
            fill(&world).await;
            delete(&world.port, &world.receive().await).await;
            let laid_by = world.port.aws.take_laid_by(fault);
            assert!(world.port.aws.take_laid_by(fault).is_empty());
            let here: Vec<_> = laid_by.iter().filter(|(queue, _)| *queue == QUEUE).collect();
            assert!((5..35).contains(&here.len()));
            for (queue, message) in &here {
                world.port.aws.resend(*queue, message);
            }
            let waiting = world.port.aws.waiting().into_iter().filter(|(queue, _)| *queue == QUEUE);
            assert_eq!(waiting.count(), here.len());
            assert_eq!(world.receive().await.len(), here.len());
        });
    }
}
