//! The room by hand, and against a model that counts.

mod model;

use std::time::Duration;

use super::*;
use crate::waiting::{Estimate, Window};

const START: Timestamp = Timestamp::from_millis(1_768_386_600_000);

fn settings(units: u32, admitted_per_s: u32) -> Settings {
    Settings { units, admitted_per_s, token_life_ms: 60_000, heartbeat_ms: 5_000, quantity_max: 1 }
}

fn customer(name: &str) -> CustomerId {
    name.parse().unwrap()
}

/// A room, its time, and all that happened in it.
struct World {
    room: Room,
    now: Timestamp,
    log: Vec<Event>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let room = Room::new("tea-01".parse().unwrap(), settings, START);
        Self { room, now: START, log: Vec::new() }
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    fn take(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Event> {
        let events: Vec<_> = events.into_iter().collect();
        for event in &events {
            self.room.apply(event, self.now);
        }
        self.log.extend(events.iter().cloned());
        events
    }

    /// The room as its events tell it.
    fn restart(&mut self) {
        let mut room = Room::new("tea-01".parse().unwrap(), self.room.settings, START);
        for event in &self.log {
            room.apply(event, self.now);
        }
        room.resume();
        self.room = room;
    }

    fn join(&mut self, name: &str) -> Option<Standing> {
        if let Arrival::New(event) = self.room.arrive(&customer(name)) {
            self.take([event]);
        }
        self.visit(name)
    }

    fn visit(&mut self, name: &str) -> Option<Standing> {
        self.room.visit(&customer(name), self.now)
    }

    fn place(&mut self, name: &str) -> Option<u32> {
        match self.visit(name)? {
            Standing::Waiting { place, .. } => Some(place),
            Standing::Admitted(_) | Standing::Ordered | Standing::Lapsed | Standing::SoldOut => {
                None
            }
        }
    }

    fn leave(&mut self, name: &str) {
        let event = self.room.leave(&customer(name), self.now);
        self.take(event);
    }

    /// The names of those who are let through now.
    fn admit(&mut self) -> Vec<String> {
        let events = self.room.admit(self.now, Pace::FULL);
        let events = self.take(events);
        let admitted = events.iter().filter_map(|event| match event {
            Event::Admitted { place, .. } => self.room.ticket(*place),
            Event::Changed { .. }
            | Event::Joined { .. }
            | Event::Left { .. }
            | Event::Ordered { .. }
            | Event::Lapsed { .. } => None,
        });
        admitted.map(|ticket| ticket.customer_id.to_string()).collect()
    }

    fn settle(&mut self, name: &str, outcome: Outcome) {
        let ticket = self.room.ticket_of(&customer(name)).expect("an admission");
        let event = self.room.settle(ticket.place, outcome);
        self.take(event);
    }

    fn due(&self) -> Vec<String> {
        let due = self.room.due(self.now, 100).into_iter();
        due.map(|ticket| ticket.customer_id.to_string()).collect()
    }
}

#[test]
fn who_comes_again_keeps_their_place_and_who_left_gets_the_last_one() {
    let mut world = World::new(settings(10, 10));
    for name in ["ann", "bob", "cid", "bob", "ann"] {
        world.join(name);
    }
    assert_eq!(["ann", "bob", "cid"].map(|name| world.place(name)), [Some(1), Some(2), Some(3)]);
    world.leave("ann");
    world.leave("ann");
    assert_eq!(["ann", "bob", "cid"].map(|name| world.place(name)), [None, Some(1), Some(2)]);
    world.join("ann");
    assert_eq!(world.place("ann"), Some(3));
    let Summary { places, waiting, left, .. } = world.room.summary();
    assert_eq!((places, waiting, left), (4, 3, 1));
}

#[test]
fn the_rate_is_kept_and_unused_rate_is_not_saved_up() {
    let mut world = World::new(settings(100, 10));
    for number in 0..50 {
        world.join(&format!("c{number}"));
    }
    assert_eq!(world.admit(), ["c0"], "one at once");
    world.pass(99);
    assert!(world.admit().is_empty());
    world.pass(1);
    assert_eq!(world.admit(), ["c1"]);
    world.pass(5_000);
    assert_eq!(world.admit().len(), 10, "a second's worth");
    world.pass(1_000);
    let half =
        world.room.admit(world.now, Pace::FULL.after(Window { shed: 1, ..Window::default() }));
    assert_eq!(half.len(), 5, "half of the rate");
}

#[test]
fn a_restart_does_not_let_a_second_burst_through() {
    let mut world = World::new(settings(100, 10));
    for number in 0..50 {
        world.join(&format!("c{number}"));
    }
    world.pass(5_000);
    assert_eq!(world.admit().len(), 10);
    world.restart();
    assert!(world.admit().is_empty());
    world.pass(100);
    assert_eq!(world.admit(), ["c10"]);
}

#[test]
fn no_more_is_promised_than_is_to_be_had() {
    let mut world = World::new(Settings { quantity_max: 2, ..settings(5, 1_000) });
    for name in ["a", "b", "c", "d", "e"] {
        world.join(name);
    }
    world.pass(1_000);
    assert_eq!(world.admit(), ["a", "b", "c"]);
    let last = world.room.ticket_of(&customer("c")).unwrap();
    assert_eq!(last.quantity, 1, "what was left");
    world.pass(1_000);
    assert!(world.admit().is_empty());
    // One of two units: the other one is to be had again.
    world.settle("a", Outcome::Ordered { quantity: 1 });
    assert_eq!(world.admit(), ["d"]);
    world.settle("b", Outcome::Void);
    world.pass(1_000);
    assert_eq!(world.admit(), ["e"]);
    for name in ["c", "d", "e"] {
        world.settle(name, Outcome::Ordered { quantity: 1 });
    }
    let Summary { ordered, promised, .. } = world.room.summary();
    assert_eq!((ordered, promised), (4, 0));
}

#[test]
fn who_gives_no_sign_of_life_is_passed_over() {
    let mut world = World::new(settings(10, 1_000));
    for name in ["gone", "here"] {
        world.join(name);
    }
    world.pass(15_000);
    assert_eq!(world.place("here"), Some(2), "three beats may be missed");
    assert!(world.room.missing(world.now).is_empty());
    world.pass(1);
    let found = world.room.missing(world.now);
    assert_eq!(found, [Event::Left { place: 0 }]);
    assert_eq!(world.admit(), ["here"], "whether they were found before or not");
    assert_eq!(world.visit("gone"), None);
}

#[test]
fn an_admission_is_asked_about_when_nobody_came_for_it_or_it_expired() {
    let mut world = World::new(settings(3, 1_000));
    for name in ["gone", "slow", "left"] {
        world.join(name);
    }
    world.pass(1_000);
    assert_eq!(world.admit().len(), 3);
    let [Some(Standing::Admitted(first)), Some(Standing::Admitted(again))] =
        [(); 2].map(|()| world.visit("slow"))
    else {
        panic!("it is their turn")
    };
    assert_eq!(first, again, "a lost answer is given again");
    world.leave("left");
    assert_eq!(world.due(), ["left"]);
    assert_eq!(world.visit("left"), Some(Standing::Lapsed));
    world.settle("left", Outcome::Void);
    world.pass(15_000);
    assert_eq!(world.due(), ["gone"]);
    world.pass(45_000);
    assert_eq!(world.due(), ["gone", "slow"]);
    assert_eq!(world.visit("slow"), Some(Standing::Lapsed));
    world.settle("slow", Outcome::Ordered { quantity: 1 });
    world.settle("gone", Outcome::Void);
    assert_eq!(world.visit("slow"), Some(Standing::Ordered));
    let Summary { ordered, promised, lapsed, .. } = world.room.summary();
    assert_eq!((ordered, promised, lapsed), (1, 0, 2));
    assert!(matches!(world.join("gone"), Some(Standing::Waiting { place: 1, .. })));
    world.join("slow");
    assert_eq!(world.room.summary().places, 4, "who has ordered gets no second place");
}

#[test]
fn when_all_is_sold_nobody_is_let_in_and_who_waits_is_told() {
    let mut world = World::new(settings(1, 10));
    for name in ["ann", "bob"] {
        world.join(name);
    }
    assert_eq!(world.admit(), ["ann"]);
    assert!(matches!(world.visit("bob"), Some(Standing::Waiting { estimate: None, .. })));
    world.settle("ann", Outcome::Ordered { quantity: 1 });
    assert_eq!(world.visit("bob"), Some(Standing::SoldOut));
    assert_eq!(world.room.arrive(&customer("cid")), Arrival::SoldOut);
    let more = Settings { units: 2, ..settings(1, 10) };
    world.take([Event::Changed { settings: more }]);
    world.pass(1_000);
    assert_eq!(world.admit(), ["bob"], "there are more now");
}

#[test]
fn an_estimate_is_for_those_for_whom_there_is_enough() {
    let mut world = World::new(settings(110, 10));
    for number in 0..200 {
        world.join(&format!("c{number}"));
    }
    for _ in 0..10 {
        world.pass(1_000);
        world.admit();
    }
    // Ten of 110 units are left to be promised.
    let estimate = |world: &mut World, name: &str| match world.visit(name) {
        Some(Standing::Waiting { estimate, .. }) => estimate,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(estimate(&mut world, "c109"), Some(Estimate { from_s: 0, to_s: 2 }));
    assert_eq!(estimate(&mut world, "c110"), None);
}

#[test]
fn after_a_restart_places_and_admissions_are_there_and_nobody_is_missing() {
    let mut world = World::new(settings(2, 1_000));
    for name in ["ann", "bob", "cid"] {
        world.join(name);
    }
    world.pass(1_000);
    assert_eq!(world.admit(), ["ann", "bob"]);
    world.pass(3_600_000);
    let before = world.room.clone();
    world.restart();
    assert!(world.room.missing(world.now).is_empty());
    assert_eq!(world.room.summary(), before.summary());
    assert_eq!(world.room.ticket_of(&customer("bob")), before.ticket_of(&customer("bob")));
}
