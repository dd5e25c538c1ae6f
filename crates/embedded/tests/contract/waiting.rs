//! The contract of waiting rooms; and what is left of them after a restart.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    ports::{Joined, Store, WaitingRooms},
    shutdown::{self, Trigger},
};
use lmall_contract::{
    clock::ManualClock,
    waiting::{self, customer, settings, sku},
    waiting_model,
};
use lmall_domain::waiting::{Outcome, Pace, Standing};
use lmall_embedded::LocalRooms;
use proptest::prelude::*;

use crate::embedded::{Fresh, fresh, open};

/// Rooms, and their clerk at work.
struct Running {
    rooms: LocalRooms,
    _stop: Trigger,
}

async fn running(store: Arc<dyn Store>, clock: &Arc<ManualClock>) -> Running {
    let (rooms, clerk) = LocalRooms::load(store, clock.clone()).await.expect("rooms");
    let (trigger, stop) = shutdown::channel();
    tokio::spawn(clerk.run(stop));
    Running { rooms, _stop: trigger }
}

macro_rules! contract {
    ($($name:ident => |$rooms:ident, $clock:ident| $run:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let it = fresh();
            let running = running(it.embedded.store(), &it.clock).await;
            let ($rooms, $clock) = (&running.rooms, &*it.clock);
            $run.await;
        })*
    };
}

contract! {
    first_come_first_served => |rooms, _clock| waiting::places(rooms);
    no_more_are_let_through_than_there_are_units => |rooms, clock| waiting::admissions(rooms, clock);
    what_is_not_used_is_the_next_ones => |rooms, clock| waiting::abandonment(rooms, clock);
    the_rate_is_kept => |rooms, clock| waiting::rate(rooms, clock);
    a_closed_room_is_gone => |rooms, clock| waiting::closing(rooms, clock);
    who_comes_twice_at_once_has_one_place => |rooms, _clock| waiting::concurrent_arrivals(rooms);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_calls_do_what_the_room_does(calls in waiting_model::calls()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let it = fresh();
            let running = running(it.embedded.store(), &it.clock).await;
            waiting_model::agrees(&running.rooms, &*it.clock, calls).await;
        });
    }
}

async fn standing(rooms: &LocalRooms, name: &str) -> Option<Standing> {
    rooms.visit(&sku("tea"), &customer(name)).await.expect("the rooms answer")
}

#[tokio::test]
async fn a_restart_keeps_places_and_admissions_and_forgets_closed_rooms() {
    let Fresh { embedded, clock, dir } = fresh();
    let first = running(embedded.store(), &clock).await;
    let (tea, oil) = (sku("tea"), sku("oil"));
    for sku in [&tea, &oil] {
        assert!(first.rooms.open(sku, settings(2)).await.expect("there is room"));
    }
    // More than one row holds, in several transactions.
    let names: Vec<_> = (0..1_200).map(|number| format!("c{number:04}")).collect();
    for names in names.chunks(700) {
        let joins = names.iter().map(|name| {
            let (rooms, tea, name) = (&first.rooms, &tea, customer(name));
            async move { rooms.join(tea, &name).await.expect("there is room") }
        });
        let joined = futures_util::future::join_all(joins).await;
        assert!(joined.iter().all(|joined| matches!(joined, Joined::New(_))));
    }
    clock.advance(Duration::from_secs(1));
    first.rooms.admit(&tea, Pace::FULL).await.expect("there is room");
    let Some(Standing::Admitted(ticket)) = standing(&first.rooms, "c0000").await else {
        panic!("it is their turn")
    };
    first.rooms.settle(&ticket, Outcome::Ordered { quantity: 1 }).await.expect("there is room");
    assert!(first.rooms.close(&oil).await.expect("there is room"));
    let mut before = Vec::new();
    for name in &names {
        before.push(standing(&first.rooms, name).await);
    }
    let summary = first.rooms.summary(&tea).await.expect("the rooms answer");
    drop((first, embedded));

    // However long it took, nobody is taken to have gone meanwhile.
    clock.advance(Duration::from_secs(500));
    let embedded = open(dir.path(), &clock);
    let second = running(embedded.store(), &clock).await;
    let open_rooms = second.rooms.rooms().await.expect("the rooms answer");
    assert_eq!(open_rooms, std::slice::from_ref(&tea));
    assert_eq!(second.rooms.summary(&tea).await.expect("the rooms answer"), summary);
    for (name, before) in names.iter().zip(before) {
        assert_eq!(standing(&second.rooms, name).await, before, "{name}");
    }
    assert_eq!(standing(&second.rooms, "c0000").await, Some(Standing::Ordered));
    assert!(matches!(standing(&second.rooms, "c0001").await, Some(Standing::Admitted(_))));
    // What was closed has left nothing behind, and the next room begins anew.
    assert!(second.rooms.close(&tea).await.expect("there is room"));
    assert!(second.rooms.open(&tea, settings(2)).await.expect("there is room"));
    assert_eq!(standing(&second.rooms, "c0001").await, None);
}

#[tokio::test]
async fn a_store_that_takes_nothing_gives_nobody_a_place() {
    let Fresh { embedded, clock, dir: _dir } = fresh();
    let it = running(embedded.store(), &clock).await;
    let tea = sku("tea");
    it.rooms.open(&tea, settings(2)).await.expect("there is room");
    embedded.close();
    it.rooms.join(&tea, &customer("ann")).await.expect_err("it cannot be written down");
    assert_eq!(standing(&it.rooms, "ann").await, None);
}
