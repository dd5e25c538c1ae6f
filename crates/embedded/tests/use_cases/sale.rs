//! A whole flash sale in time that passes at a word: many more customers than units, of whom
//! three in ten go away and one in ten comes twice, and a restart in the middle.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use lmall_app::{
    ports::{Clock, Joined, WaitingRooms},
    shutdown::{self, Trigger},
    waiting::{Doorman, Load, ROUND},
};
use lmall_domain::{
    CustomerId, Timestamp,
    waiting::{Outcome, Settings, Standing},
};
use lmall_embedded::LocalRooms;

use super::{
    flash::{Shop, sku, wish},
    world::admission_keys,
};

const ARRIVALS: u32 = 3_000;
const UNITS: u32 = 60;

/// Arrivals in one round.
const TOGETHER: u32 = 250;

/// The longest time in which nobody is let through.
const STALL_MAX: Duration = Duration::from_secs(5);

const SETTINGS: Settings = Settings {
    units: UNITS,
    admitted_per_s: 20,
    token_life_ms: 4_000,
    heartbeat_ms: 1_000,
    quantity_max: 1,
};

struct Customer {
    id: CustomerId,
    /// 0 leaves, 1 is not seen again, 2 takes the token and is not seen again, others stay.
    manner: u32,
    /// The round in which they came.
    came: u32,
    /// The round of each second in which they look.
    phase: u32,
    admitted_at: Option<Timestamp>,
    won: bool,
    gone: bool,
}

impl Customer {
    fn new(number: u32) -> Self {
        let mixed = number.wrapping_mul(0x9e37_79b9);
        let mixed = mixed ^ (mixed >> 15);
        Self {
            id: format!("c{number}").parse().expect("a customer"),
            manner: mixed % 10,
            came: number / TOGETHER,
            phase: mixed / 10 % 10,
            admitted_at: None,
            won: false,
            gone: false,
        }
    }
}

/// The rooms of a process, until it is dropped.
struct Process {
    rooms: Arc<LocalRooms>,
    doorman: Doorman,
    _stop: Trigger,
}

impl Process {
    async fn start(shop: &Shop) -> Self {
        let clock = shop.clock.clone();
        let (rooms, clerk) =
            LocalRooms::load(shop.embedded.store(), clock.clone()).await.expect("rooms");
        let (trigger, stop) = shutdown::channel();
        tokio::spawn(clerk.run(stop));
        let rooms = Arc::new(rooms);
        let orders = Arc::new(shop.orders.clone());
        let doorman = Doorman::new(rooms.clone(), orders, clock, Arc::<Load>::default());
        Self { rooms, doorman, _stop: trigger }
    }
}

async fn arrive(process: &Process, customers: &[Customer]) {
    let twice = customers.iter().filter(|customer| customer.phase == 3);
    let joins = customers.iter().chain(twice).map(async |customer| {
        let joined = process.rooms.join(&sku("tea"), &customer.id).await;
        assert!(matches!(joined, Ok(Joined::New(_) | Joined::Known(_))), "{joined:?}");
    });
    join_all(joins).await;
}

/// What a customer does when it is time for them to look.
async fn look(shop: &Shop, process: &Process, customer: &mut Customer) {
    let tea = sku("tea");
    match process.rooms.visit(&tea, &customer.id).await.expect("the rooms answer") {
        Some(Standing::Waiting { .. }) if customer.manner == 0 => {
            process.rooms.leave(&tea, &customer.id).await.expect("the rooms answer");
            customer.gone = true;
        }
        Some(Standing::Waiting { .. }) => customer.gone = customer.manner == 1,
        Some(Standing::Admitted(ticket)) => {
            customer.admitted_at = Some(ticket.expires_at.before(SETTINGS.token_life()));
            customer.gone = true;
            if customer.manner <= 2 {
                return;
            }
            let token = admission_keys().sign(&ticket).expect("there are keys");
            let wish = || wish(customer.id.as_str(), &[("tea", 1)], None);
            shop.orders.place_admitted(wish(), Some(&token)).await.expect("it is their turn");
            shop.orders.place_admitted(wish(), Some(&token)).await.expect_err("and was");
            customer.won = true;
            // Most answers come to the rooms; of the others they hear later.
            if customer.phase != 0 {
                let outcome = Outcome::Ordered { quantity: 1 };
                process.rooms.settle(&ticket, outcome).await.expect("the rooms answer");
            }
        }
        Some(Standing::Ordered | Standing::Lapsed | Standing::SoldOut) | None => {
            customer.gone = true;
        }
    }
}

#[tokio::test]
async fn as_many_are_served_as_there_are_units_and_in_the_order_in_which_they_came() {
    let shop = Shop::in_sale(&["tea"]).await;
    let mut process = Process::start(&shop).await;
    process.rooms.open(&sku("tea"), SETTINGS).await.expect("there is room");
    let mut customers: Vec<_> = (0..ARRIVALS).map(Customer::new).collect();
    let (mut admissions, mut moved_at, mut stall) = (0, shop.clock.now(), Duration::ZERO);
    let mut rounds = 0;
    loop {
        shop.clock.advance(ROUND);
        let together = customers.iter().filter(|customer| customer.came == rounds).count();
        let from = usize::try_from(rounds * TOGETHER).expect("few");
        if together > 0 {
            arrive(&process, &customers[from..from + together]).await;
        }
        for customer in &mut customers {
            if customer.came <= rounds && customer.phase == rounds % 10 && !customer.gone {
                look(&shop, &process, customer).await;
            }
        }
        process.doorman.round().await.expect("everything answers");
        let room =
            process.rooms.summary(&sku("tea")).await.expect("it answers").expect("it is open");
        assert!(room.promised + room.ordered <= UNITS, "{room:?}");
        let so_far = room.admitted + room.ordered + room.lapsed;
        if so_far != admissions {
            (admissions, moved_at) = (so_far, shop.clock.now());
        }
        stall = stall.max(shop.clock.now().since(moved_at));
        if room.ordered == UNITS {
            break;
        }
        rounds += 1;
        assert!(rounds < 1_000, "it comes to no end: {room:?}");
        if rounds == 30 {
            process = Process::start(&shop).await;
        }
    }
    assert!(stall <= STALL_MAX, "{stall:?}");
    let won = customers.iter().filter(|customer| customer.won).count();
    assert_eq!(u32::try_from(won), Ok(UNITS));
    no_inversions(&customers);
}

/// Nobody was let through before somebody who came in an earlier round and did not go away.
fn no_inversions(customers: &[Customer]) {
    let mut latest: BTreeMap<u32, Timestamp> = BTreeMap::new();
    for customer in customers {
        let went_away = customer.manner < 2 && customer.admitted_at.is_none();
        if !went_away {
            let at = customer.admitted_at.unwrap_or(Timestamp::MAX);
            let entry = latest.entry(customer.came).or_default();
            *entry = at.max(*entry);
        }
    }
    for customer in customers {
        if let Some(at) = customer.admitted_at {
            let before = latest.range(..customer.came).map(|(_, latest)| *latest).max();
            assert!(before.is_none_or(|before| before <= at), "{} was too early", customer.id);
        }
    }
}
