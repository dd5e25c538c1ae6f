//! Any calls have the answers that the pure room gives: [`Room`] is the model.
//!
//! Time plays no part in it: nothing ends by itself, and there is always enough of the rate.

use std::time::Duration;

use lmall_app::ports::{Joined, WaitingRooms};
use lmall_domain::{
    Timestamp,
    waiting::{Arrival, Event, Outcome, Pace, Room, Settings, Standing, Summary, Ticket},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    time::Time,
    waiting::{Door, customer, settings, sku},
};

const CUSTOMERS: u8 = 8;

/// A call on a room.
#[derive(Debug, Clone)]
pub enum Call {
    /// A customer joins.
    Join(u8),
    /// Leaves.
    Leave(u8),
    /// Orders, or is found not to have.
    Settle(u8, bool),
    /// All that is due is void.
    End,
    /// Everybody whose turn it is is let through.
    Admit,
    /// There are more or fewer units.
    Change(u32),
}

/// Any calls, the units and the quantity of an admission at first.
pub fn calls() -> impl Strategy<Value = (Vec<Call>, u32, u32)> {
    let who = || 0..CUSTOMERS;
    let call = prop_oneof![
        8 => who().prop_map(Call::Join),
        3 => who().prop_map(Call::Leave),
        4 => (who(), any::<bool>()).prop_map(|(who, ordered)| Call::Settle(who, ordered)),
        2 => Just(Call::End),
        4 => Just(Call::Admit),
        1 => (1..9_u32).prop_map(Call::Change),
    ];
    (vec(call, 1..40), 1..7_u32, 1..4_u32)
}

/// Makes the calls on the rooms and on the model, and compares what everybody is told.
pub async fn agrees(
    rooms: &dyn WaitingRooms,
    time: &dyn Time,
    (calls, units, quantity_max): (Vec<Call>, u32, u32),
) {
    let settings = Settings { quantity_max, ..settings(units) };
    let door = Door::open(rooms, "model", settings).await;
    let room = Room::new(sku("model"), settings, Timestamp::default());
    let mut model = Model { room, now: Timestamp::default() };
    for call in calls {
        make(&door, &mut model, time, call).await;
        for who in 0..CUSTOMERS {
            let found = door.visit(&name(who)).await;
            let expected = model.room.visit(&customer(&name(who)), model.now);
            assert_eq!(found.map(timeless), expected.map(timeless), "{who}");
        }
        let found = Summary { opened_at: Timestamp::default(), ..door.summary().await };
        assert_eq!(found, model.room.summary());
    }
}

struct Model {
    room: Room,
    now: Timestamp,
}

impl Model {
    fn take(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.room.apply(&event, self.now);
        }
    }

    fn admit(&mut self) {
        loop {
            // Enough for the rate, and far too little for anything to end.
            self.now = self.now.after(Duration::from_millis(10));
            let events = self.room.admit(self.now, Pace::FULL);
            if events.is_empty() {
                return;
            }
            self.take(events);
        }
    }
}

async fn make(door: &Door<'_>, model: &mut Model, time: &dyn Time, call: Call) {
    match call {
        Call::Join(who) => {
            let found = door.join(&name(who)).await;
            match model.room.arrive(&customer(&name(who))) {
                Arrival::New(event) => {
                    assert!(matches!(found, Joined::New(_)), "{found:?}");
                    model.take([event]);
                }
                Arrival::Known => assert!(matches!(found, Joined::Known(_)), "{found:?}"),
                Arrival::SoldOut => assert_eq!(found, Joined::SoldOut),
                Arrival::Full => panic!("so few are not full"),
            }
        }
        Call::Leave(who) => {
            door.leave(&name(who)).await;
            let event = model.room.leave(&customer(&name(who)), model.now);
            model.take(event);
        }
        Call::Settle(who, ordered) => {
            let outcome = if ordered { Outcome::Ordered { quantity: 1 } } else { Outcome::Void };
            if let Some(Standing::Admitted(ticket)) = door.visit(&name(who)).await {
                door.settle(&ticket, outcome).await;
                let event = model.room.settle(ticket.place, outcome);
                assert!(event.is_some(), "they agree on whose turn it is");
                model.take(event);
            }
        }
        Call::End => {
            let due = door.due().await;
            let expected = model.room.due(model.now, 100);
            let places = |due: &[Ticket]| {
                let mut places: Vec<_> = due.iter().map(|ticket| ticket.place).collect();
                places.sort_unstable();
                places
            };
            assert_eq!(places(&due), places(&expected));
            for ticket in due {
                door.settle(&ticket, Outcome::Void).await;
                let event = model.room.settle(ticket.place, Outcome::Void);
                model.take(event);
            }
        }
        Call::Admit => {
            door.admit(time).await;
            model.admit();
        }
        Call::Change(units) => {
            let settings = Settings { units, ..model.room.summary().settings };
            assert!(!door.rooms.open(&door.sku, settings).await.expect("the rooms answer"));
            model.take([Event::Changed { settings }]);
        }
    }
}

/// The same, without what depends on time.
fn timeless(standing: Standing) -> Standing {
    match standing {
        Standing::Waiting { place, heartbeat_ms, .. } => {
            Standing::Waiting { place, estimate: None, heartbeat_ms }
        }
        Standing::Admitted(ticket) => Standing::Admitted(Ticket {
            opened_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            ..ticket
        }),
        Standing::Ordered | Standing::Lapsed | Standing::SoldOut => standing,
    }
}

fn name(who: u8) -> String {
    format!("c{who}")
}
