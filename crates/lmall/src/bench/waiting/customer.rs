//! Everybody who comes: most wait for their turn and order, some go away, some come twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Result;
use lmall_app::{
    Trace,
    order::{Orders, Place},
    ports::{Joined, WaitingRooms},
    waiting::AdmissionKeys,
};
use lmall_domain::{
    CustomerId, Sku,
    order::LineRequest,
    waiting::{Settings, Standing, Ticket},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{super::report::Latencies, oracle::Seen};

/// Customers who ask for a place at the same time: as many as a busy gateway has connections.
const ARRIVING_MAX: usize = 1_024;

/// Where they come to.
pub(super) struct Hall {
    rooms: Arc<dyn WaitingRooms>,
    orders: Orders,
    keys: AdmissionKeys,
    sku: Sku,
    settings: Settings,
    arriving: Semaphore,
    pub(super) joins: Latencies,
    pub(super) looks: Latencies,
    polls: AtomicU64,
}

/// How a customer behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Waits and orders.
    Stays,
    /// Says goodbye after so many looks.
    Leaves(u32),
    /// Is not seen any more after so many looks.
    Vanishes(u32),
    /// Waits, takes the token, and is not seen any more.
    Forgets,
}

/// Somebody who comes.
pub(super) struct Customer {
    id: CustomerId,
    manner: Manner,
    comes_twice: bool,
    /// When in each beat they look.
    phase: Duration,
}

impl Hall {
    pub(super) fn new(
        rooms: Arc<dyn WaitingRooms>,
        orders: Orders,
        keys: AdmissionKeys,
        sku: Sku,
        settings: Settings,
    ) -> Result<Self> {
        let arriving = Semaphore::new(ARRIVING_MAX);
        let (joins, looks) = (Latencies::new()?, Latencies::new()?);
        let polls = AtomicU64::new(0);
        Ok(Self { rooms, orders, keys, sku, settings, arriving, joins, looks, polls })
    }

    pub(super) fn polls(&self) -> u64 {
        self.polls.load(Relaxed)
    }
}

impl Customer {
    /// The customer of that number: of ten, three abandon it in one way each, and one comes
    /// twice, whichever they are.
    pub(super) fn new(number: u32, hall: &Hall) -> Self {
        // Mixed, so that manners do not follow the order of arrival.
        let mixed = number.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
        let mixed = mixed ^ (mixed >> 15);
        let looks = mixed / 10_000 % 3;
        let manner = match mixed % 10 {
            0 => Manner::Leaves(looks),
            1 => Manner::Vanishes(looks),
            2 => Manner::Forgets,
            _ => Manner::Stays,
        };
        let phase = u64::from(mixed % hall.settings.heartbeat_ms);
        Self {
            id: format!("c{number}").parse().expect("a customer"),
            manner,
            comes_twice: (mixed / 1_000).is_multiple_of(10),
            phase: Duration::from_millis(phase),
        }
    }

    /// Comes, and stays until it is over for them.
    pub(super) async fn run(self, hall: Arc<Hall>) -> Seen {
        let joined = self.join(&hall).await;
        let mut seen = Seen {
            joined,
            admitted_at: None,
            won: false,
            abandoned: self.manner != Manner::Stays,
            came_twice: self.comes_twice,
            used_twice: false,
        };
        let mut looks = 0;
        // The first look comes early, so that the looks of all are spread over the beat.
        let mut pause = self.phase;
        loop {
            match self.manner {
                Manner::Leaves(after) if looks > after => {
                    let _left = hall.rooms.leave(&hall.sku, &self.id).await;
                    return seen;
                }
                Manner::Vanishes(after) if looks > after => return seen,
                Manner::Leaves(_) | Manner::Vanishes(_) | Manner::Forgets | Manner::Stays => {}
            }
            sleep(pause).await;
            pause = hall.settings.heartbeat();
            looks += 1;
            match self.look(&hall).await {
                Some(Standing::Waiting { .. }) => {}
                Some(Standing::Admitted(ticket)) => {
                    seen.admitted_at = Some(ticket.expires_at.before(hall.settings.token_life()));
                    if self.manner != Manner::Forgets {
                        self.order(&hall, &ticket, &mut seen).await;
                    }
                    return seen;
                }
                // It is over; or they were passed over, and the oracle will say so.
                Some(Standing::Ordered | Standing::Lapsed | Standing::SoldOut) | None => {
                    return seen;
                }
            }
        }
    }

    /// Asks for a place until there is one, and says from when until when.
    async fn join(&self, hall: &Hall) -> (Instant, Instant) {
        let permit = hall.arriving.acquire().await;
        let asked = Instant::now();
        let ask = async || {
            loop {
                match hall.rooms.join(&hall.sku, &self.id).await {
                    Ok(Joined::New(_) | Joined::Known(_) | Joined::SoldOut) => return,
                    Ok(Joined::Full | Joined::NoRoom) | Err(_) => {
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        if self.comes_twice {
            tokio::join!(ask(), ask());
        } else {
            ask().await;
        }
        let answered = Instant::now();
        hall.joins.record(answered - asked);
        drop(permit);
        (asked, answered)
    }

    /// Looks until there is an answer.
    async fn look(&self, hall: &Hall) -> Option<Standing> {
        loop {
            let asked = Instant::now();
            let found = hall.rooms.visit(&hall.sku, &self.id).await;
            hall.looks.record(asked.elapsed());
            hall.polls.fetch_add(1, Relaxed);
            match found {
                Ok(standing) => return standing,
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Orders, and tries to do so a second time with the same token.
    async fn order(&self, hall: &Hall, ticket: &Ticket, seen: &mut Seen) {
        let token = hall.keys.sign(ticket).expect("there are keys");
        let place = async || {
            let wish = Place {
                customer_id: self.id.clone(),
                lines: vec![LineRequest { sku: hall.sku.clone(), quantity: 1 }],
                currency: None,
                idempotency: None,
                trace: Trace::default(),
            };
            hall.orders.place_admitted(wish, Some(&token)).await.is_ok()
        };
        seen.won = place().await;
        if seen.won {
            let outcome = lmall_domain::waiting::Outcome::Ordered { quantity: 1 };
            let _noted_when_it_expires = hall.rooms.settle(ticket, outcome).await;
            seen.used_twice = place().await;
        }
    }
}
