//! What all waiting rooms promise.
//!
//! Settings are in thousandths of a second here, so that rooms that go by a server's time can be
//! waited for.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use lmall_app::ports::{Joined, WaitingRooms};
use lmall_domain::{
    CustomerId, Sku,
    waiting::{Outcome, Pace, Settings, Standing, Summary, Ticket, Window},
};

use crate::time::Time;

/// A room's settings in which nothing ends by itself.
#[must_use]
pub const fn settings(units: u32) -> Settings {
    Settings {
        units,
        admitted_per_s: 10_000,
        token_life_ms: 600_000,
        heartbeat_ms: 60_000,
        quantity_max: 1,
    }
}

/// The SKU of that name.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn sku(name: &str) -> Sku {
    name.parse().expect("a SKU")
}

/// The customer of that name.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn customer(name: &str) -> CustomerId {
    name.parse().expect("a customer")
}

/// A room, opened anew.
pub(crate) struct Door<'a> {
    pub(crate) rooms: &'a dyn WaitingRooms,
    pub(crate) sku: Sku,
}

impl<'a> Door<'a> {
    pub(crate) async fn open(rooms: &'a dyn WaitingRooms, name: &str, settings: Settings) -> Self {
        let sku = sku(name);
        rooms.close(&sku).await.expect("the rooms answer");
        assert!(rooms.open(&sku, settings).await.expect("the rooms answer"), "a new room");
        Self { rooms, sku }
    }

    pub(crate) async fn join(&self, name: &str) -> Joined {
        self.rooms.join(&self.sku, &customer(name)).await.expect("the rooms answer")
    }

    pub(crate) async fn visit(&self, name: &str) -> Option<Standing> {
        self.rooms.visit(&self.sku, &customer(name)).await.expect("the rooms answer")
    }

    pub(crate) async fn leave(&self, name: &str) {
        self.rooms.leave(&self.sku, &customer(name)).await.expect("the rooms answer");
    }

    /// The place of who waits.
    pub(crate) async fn place(&self, name: &str) -> Option<u32> {
        match self.visit(name).await? {
            Standing::Waiting { place, .. } => Some(place),
            Standing::Admitted(_) | Standing::Ordered | Standing::Lapsed | Standing::SoldOut => {
                None
            }
        }
    }

    /// Whose turn it is.
    async fn ticket(&self, name: &str) -> Option<Ticket> {
        match self.visit(name).await? {
            Standing::Admitted(ticket) => Some(ticket),
            Standing::Waiting { .. } | Standing::Ordered | Standing::Lapsed | Standing::SoldOut => {
                None
            }
        }
    }

    async fn tickets(&self, names: &[&str]) -> Vec<bool> {
        let mut found = Vec::new();
        for name in names {
            found.push(self.ticket(name).await.is_some());
        }
        found
    }

    /// Rounds until there is nothing to do in one.
    pub(crate) async fn admit(&self, time: &dyn Time) {
        let mut idle = 0;
        while idle < 2 {
            time.pass(Duration::from_millis(3)).await;
            let found = self.rooms.admit(&self.sku, Pace::FULL).await.expect("the rooms answer");
            idle = if found == 0 { idle + 1 } else { 0 };
        }
    }

    pub(crate) async fn due(&self) -> Vec<Ticket> {
        self.rooms.due(&self.sku, 100).await.expect("the rooms answer")
    }

    pub(crate) async fn settle(&self, ticket: &Ticket, outcome: Outcome) {
        self.rooms.settle(ticket, outcome).await.expect("the rooms answer");
    }

    pub(crate) async fn summary(&self) -> Summary {
        let summary = self.rooms.summary(&self.sku).await.expect("the rooms answer");
        summary.expect("it is open")
    }
}

/// First come, first served; who comes again keeps their place, who left gets the last one.
pub async fn places(rooms: &dyn WaitingRooms) {
    let door = Door::open(rooms, "tea-01", settings(5)).await;
    assert!(rooms.rooms().await.expect("the rooms answer").contains(&door.sku));
    for (place, name) in (1..).zip(["ann", "bob", "cid"]) {
        let joined = door.join(name).await;
        assert!(
            matches!(joined, Joined::New(Standing::Waiting { place: found, .. }) if found == place),
            "{joined:?}"
        );
    }
    let again = door.join("bob").await;
    assert!(matches!(again, Joined::Known(Standing::Waiting { place: 2, .. })), "{again:?}");
    for _ in 0..2 {
        door.leave("ann").await;
    }
    assert_eq!((door.place("bob").await, door.place("cid").await), (Some(1), Some(2)));
    assert_eq!((door.visit("ann").await, door.visit("eve").await), (None, None));
    door.join("ann").await;
    assert_eq!(door.place("ann").await, Some(3));
    let summary = door.summary().await;
    assert_eq!((summary.places, summary.waiting, summary.left), (4, 3, 1));
    assert_eq!(summary.settings, settings(5));
}

/// Nobody is let through before somebody who came earlier, and no more than there are units.
pub async fn admissions(rooms: &dyn WaitingRooms, time: &dyn Time) {
    let two = Settings { quantity_max: 2, ..settings(5) };
    let door = Door::open(rooms, "tea-02", two).await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        door.join(name).await;
    }
    door.admit(time).await;
    assert_eq!(door.tickets(&names).await, [true, true, true, false, false]);
    let first = door.ticket("a").await.expect("an admission");
    let last = door.ticket("c").await.expect("an admission");
    assert_eq!((first.quantity, last.quantity), (2, 1), "what was left");
    assert_eq!((&first.sku, &first.customer_id), (&door.sku, &customer("a")));
    assert_eq!(first.opened_at, door.summary().await.opened_at);
    assert_eq!(door.ticket("a").await, Some(first.clone()), "a lost answer is given again");
    assert!(matches!(door.join("a").await, Joined::Known(Standing::Admitted(_))));
    assert_eq!(door.due().await, []);

    for _ in 0..2 {
        door.settle(&first, Outcome::Ordered { quantity: 1 }).await;
    }
    door.settle(&first, Outcome::Void).await;
    assert_eq!(door.visit("a").await, Some(Standing::Ordered), "what is known stays");
    door.admit(time).await;
    assert_eq!(door.tickets(&names).await, [false, true, true, true, false]);
    let second = door.ticket("b").await.expect("an admission");
    door.settle(&second, Outcome::Void).await;
    assert_eq!(door.visit("b").await, Some(Standing::Lapsed));
    door.admit(time).await;
    let fifth = door.ticket("e").await.expect("an admission");
    assert_eq!(fifth.quantity, 2);
    let fourth = door.ticket("d").await.expect("an admission");
    for (ticket, quantity) in [(last, 1), (fourth, 1), (fifth, 2)] {
        door.settle(&ticket, Outcome::Ordered { quantity }).await;
    }
    assert_eq!(door.join("b").await, Joined::SoldOut);
    assert!(matches!(door.join("e").await, Joined::Known(Standing::Ordered)));
    let Summary { ordered, promised, admitted, lapsed, .. } = door.summary().await;
    assert_eq!((ordered, promised, admitted, lapsed), (5, 0, 0, 1));
}

/// Who left, did not come for their admission or did not use it is asked about, and then it is
/// somebody else's turn.
pub async fn abandonment(rooms: &dyn WaitingRooms, time: &dyn Time) {
    let short = Settings { heartbeat_ms: 100, token_life_ms: 900, ..settings(3) };
    let door = Door::open(rooms, "tea-03", short).await;
    for name in ["left", "gone", "slow"] {
        door.join(name).await;
    }
    door.admit(time).await;
    let slow = door.ticket("slow").await.expect("an admission");
    door.leave("left").await;
    assert_eq!(door.visit("left").await, Some(Standing::Lapsed));
    let names = |due: Vec<Ticket>| -> BTreeSet<String> {
        due.into_iter().map(|ticket| ticket.customer_id.to_string()).collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(door.due().await), set(&["left"]));
    for ticket in door.due().await {
        door.settle(&ticket, Outcome::Void).await;
    }
    time.pass(Duration::from_millis(320)).await;
    assert_eq!(names(door.due().await), set(&["gone"]), "three beats were missed");
    assert_eq!(door.ticket("slow").await, Some(slow.clone()), "it was seen, and is theirs");
    time.pass(Duration::from_millis(600)).await;
    assert_eq!(names(door.due().await), set(&["gone", "slow"]), "its time is over");
    for name in ["last", "dead"] {
        door.join(name).await;
    }
    for ticket in door.due().await {
        door.settle(&ticket, Outcome::Void).await;
    }
    time.pass(Duration::from_millis(200)).await;
    assert_eq!(door.place("last").await, Some(1));
    time.pass(Duration::from_millis(120)).await;
    // Who gave no sign of life is passed over.
    door.join("next").await;
    door.admit(time).await;
    assert_eq!(door.tickets(&["last", "dead", "next"]).await, [true, false, true]);
    assert_eq!(door.visit("dead").await, None);
    let Summary { waiting, admitted, left, lapsed, .. } = door.summary().await;
    assert_eq!((waiting, admitted, left, lapsed), (0, 2, 1, 3));
}

/// The rate is kept, and halved when the pace is.
pub async fn rate(rooms: &dyn WaitingRooms, time: &dyn Time) {
    let slow = Settings { admitted_per_s: 20, ..settings(100) };
    let door = Door::open(rooms, "tea-04", slow).await;
    join_all((0..40).map(async |n| drop(door.join(&format!("c{n}")).await))).await;
    let half = Pace::FULL.after(Window { requests: 1, shed: 1, slow: 0 });
    let mut admitted = Vec::new();
    for pace in [Pace::FULL, half] {
        let before = door.summary().await.admitted;
        for _ in 0..10 {
            time.pass(Duration::from_millis(50)).await;
            rooms.admit(&door.sku, pace).await.expect("the rooms answer");
        }
        admitted.push(door.summary().await.admitted - before);
    }
    // A server's half second is not shorter, and on a busy machine much longer.
    assert!((10..=14).contains(&admitted[0]) || time.step() > Duration::from_millis(1));
    assert!(admitted[0] >= 9 && admitted[1] * 3 < admitted[0] * 2 + 6, "{admitted:?}");
}

/// A closed room is gone, with all its places; one that is opened again is another one.
pub async fn closing(rooms: &dyn WaitingRooms, time: &dyn Time) {
    let door = Door::open(rooms, "tea-05", settings(1)).await;
    for name in ["ann", "bob"] {
        door.join(name).await;
    }
    door.admit(time).await;
    let old = door.ticket("ann").await.expect("an admission");
    let more = Settings { units: 2, ..settings(1) };
    assert!(!rooms.open(&door.sku, more).await.expect("the rooms answer"), "it is open");
    door.admit(time).await;
    assert!(door.ticket("bob").await.is_some(), "there are more now");
    assert!(rooms.close(&door.sku).await.expect("the rooms answer"));
    assert!(!rooms.close(&door.sku).await.expect("the rooms answer"));
    assert!(!rooms.rooms().await.expect("the rooms answer").contains(&door.sku));
    assert_eq!(rooms.summary(&door.sku).await.expect("the rooms answer"), None);
    assert_eq!((door.join("ann").await, door.visit("ann").await), (Joined::NoRoom, None));
    assert_eq!(door.due().await, []);
    door.leave("ann").await;
    door.settle(&old, Outcome::Void).await;
    assert_eq!(rooms.admit(&door.sku, Pace::FULL).await.expect("the rooms answer"), 0);

    let door = Door::open(rooms, "tea-05", settings(1)).await;
    assert!(door.summary().await.opened_at > old.opened_at);
    door.join("ann").await;
    door.admit(time).await;
    let new = door.ticket("ann").await.expect("an admission");
    assert_ne!(new, old);
    door.settle(&old, Outcome::Ordered { quantity: 1 }).await;
    assert_eq!(door.ticket("ann").await, Some(new), "the old room's ticket is nothing here");
}

/// Many come at once, each twice: each has one place, and all places are there.
pub async fn concurrent_arrivals(rooms: &dyn WaitingRooms) {
    const CUSTOMERS: u32 = 300;
    let door = Door::open(rooms, "tea-06", settings(10)).await;
    let names = (0..2 * CUSTOMERS).map(|number| format!("c{}", number % CUSTOMERS));
    let joined = join_all(names.map(async |name| door.join(&name).await)).await;
    let new = joined.iter().filter(|joined| matches!(joined, Joined::New(_))).count();
    assert_eq!(u32::try_from(new), Ok(CUSTOMERS));
    let mut places = BTreeSet::new();
    for number in 0..CUSTOMERS {
        places.extend(door.place(&format!("c{number}")).await);
    }
    assert!(places.into_iter().eq(1..=CUSTOMERS));
}
