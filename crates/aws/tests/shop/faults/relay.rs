//! The relay is late, or repeats itself; and what it carries cannot be read.

use lmall_app::{
    Trace,
    ports::{Bus, Message},
    topology::Queue,
};
use lmall_domain::event::{EventType, Topic};

use super::trade;
use crate::{record::again, setup::Setup, world::World};

/// How often each consumer was handed each event, at least.
fn times_seen_min(world: &World) -> usize {
    let sights = world.shared.log.sights.lock();
    let times = |one| sights.iter().filter(|other| *other == one).count();
    sights.iter().map(times).min().expect("they have seen something")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_comes_twice() {
    let world = World::open(Setup { twice: true, ..Setup::default() }).await;
    let sold = trade(&world, 12).await;
    world.ends_well(sold).await;
    assert!(times_seen_min(&world) >= 2, "everything was doubled");
    assert!(world.dead().await.is_empty());
}

/// SNS knows a message again for five minutes, which no test can wait for: a relay that comes
/// back later and publishes again is one whose messages have other deduplication ids.
#[tokio::test(flavor = "multi_thread")]
async fn the_relay_publishes_everything_again_after_the_deduplication_window() {
    let world = World::open(Setup::default()).await;
    let sold = trade(&world, 12).await;
    let first = world.ends_well(sold).await;
    let published = world.shared.log.published.lock().clone();
    for message in &published {
        let kind = EventType::from_name(&message.event_type).expect("a type of ours");
        let answers = world.direct.bus.publish(kind.topic(), vec![again(message)]).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    let second = world.ends_well(sold).await;
    assert_eq!(first.checks, second.checks, "nothing happened");
    assert!(times_seen_min(&world) >= 2, "everything came again");
    assert!(world.dead().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_alone_publishes_everything() {
    let world = World::open(Setup { stream: false, ..Setup::default() }).await;
    let sold = trade(&world, 8).await;
    world.ends_well(sold).await;
    assert!(world.dead().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_dead_at_once_and_the_others_go_on() {
    let world = World::open(Setup::default()).await;
    let order = world.place("anna", 1).await;
    let poison = Message {
        group: order.id.to_string().into(),
        dedup_id: "poison".into(),
        event_type: EventType::InventoryReserved.name().into(),
        body: "{".into(),
        trace: Trace::default(),
        replays: 0,
    };
    let answers = world.direct.bus.publish(Topic::OrderEvents, vec![poison]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    world.pay(&order).await;
    let sold = trade(&world, 4).await;
    world.ends_well(sold + 1).await;
    let dead = world.dead().await;
    let [letter] = dead.as_slice() else { panic!("one is dead: {dead:?}") };
    assert_eq!((letter.queue, &*letter.message.body), (Queue::Order, "{"));
    assert!(letter.permanent && letter.receive_count == 1, "at once: {letter:?}");
    assert!(!letter.cause.is_empty(), "{letter:?}");
}
