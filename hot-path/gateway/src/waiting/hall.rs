//! What the routes work with.

use std::{collections::HashMap, sync::Arc};

use lmall_app::{
    ports::{Admissions, Clock, WaitingRooms},
    shutdown::Shutdown,
    waiting::{AdmissionKeys, Load},
};
use lmall_domain::CustomerId;
use lmall_web::{Guarded, Problem};
use parking_lot::Mutex;

/// Streams of events at a time: each is a connection and looks at a room once a second, so this
/// many take a tenth of a core; who comes then polls.
pub const STREAMS_MAX: usize = 10_000;

/// Streams of one customer: a few open windows.
pub const STREAMS_PER_CUSTOMER_MAX: usize = 4;

/// The state of the router.
pub(super) type Shared = Guarded<Hall>;

/// The rooms, and what is around them.
#[derive(Clone)]
pub struct Hall {
    pub(super) rooms: Arc<dyn WaitingRooms>,
    pub(super) admissions: Arc<dyn Admissions>,
    pub(super) keys: AdmissionKeys,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) load: Arc<Load>,
    pub(super) stop: Shutdown,
    streams: Arc<Mutex<Streams>>,
}

/// Who listens, and how many do.
#[derive(Default)]
struct Streams {
    all: usize,
    by_customer: HashMap<CustomerId, usize>,
}

/// The right to listen, until it is dropped.
pub(super) struct Seat {
    streams: Arc<Mutex<Streams>>,
    customer_id: CustomerId,
}

impl Hall {
    /// These rooms; tokens are signed with `keys`, answers to orders are counted in `load`, and
    /// streams end at `stop`.
    #[must_use]
    pub fn new(
        rooms: Arc<dyn WaitingRooms>,
        admissions: Arc<dyn Admissions>,
        keys: AdmissionKeys,
        clock: Arc<dyn Clock>,
        load: Arc<Load>,
        stop: Shutdown,
    ) -> Self {
        Self { rooms, admissions, keys, clock, load, stop, streams: Arc::default() }
    }

    /// The right to listen, if there is room for one more.
    pub(super) fn seat(&self, customer_id: &CustomerId) -> Result<Seat, Problem> {
        Seat::take(&self.streams, customer_id)
    }
}

impl Seat {
    fn take(shared: &Arc<Mutex<Streams>>, customer_id: &CustomerId) -> Result<Self, Problem> {
        let mut streams = shared.lock();
        let own = streams.by_customer.get(customer_id).copied().unwrap_or(0);
        if own >= STREAMS_PER_CUSTOMER_MAX {
            return Err(Problem::rate_limited().detail("too many streams of this customer"));
        }
        if streams.all >= STREAMS_MAX {
            return Err(Problem::unavailable().detail("too many streams: poll instead"));
        }
        streams.all += 1;
        streams.by_customer.insert(customer_id.clone(), own + 1);
        Ok(Self { streams: Arc::clone(shared), customer_id: customer_id.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut streams = self.streams.lock();
        streams.all -= 1;
        if let Some(own) = streams.by_customer.get_mut(&self.customer_id) {
            *own -= 1;
            if *own == 0 {
                streams.by_customer.remove(&self.customer_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(all: usize) -> Arc<Mutex<Streams>> {
        Arc::new(Mutex::new(Streams { all, by_customer: HashMap::new() }))
    }

    fn customer(name: &str) -> CustomerId {
        name.parse().unwrap()
    }

    #[test]
    fn a_customer_has_a_few_seats_and_gets_them_back() {
        let streams = streams(0);
        let take = |name| Seat::take(&streams, &customer(name));
        let mut seats: Vec<_> = (0..STREAMS_PER_CUSTOMER_MAX).map(|_| take("ann")).collect();
        assert!(seats.iter().all(Result::is_ok));
        assert_eq!(take("ann").err().map(|problem| problem.status().as_u16()), Some(429));
        assert!(take("bob").is_ok(), "others have theirs");
        seats.pop();
        assert!(take("ann").is_ok());
        drop(seats);
        let streams = streams.lock();
        assert_eq!((streams.all, streams.by_customer.len()), (0, 0));
    }

    #[test]
    fn there_are_so_many_seats() {
        let streams = streams(STREAMS_MAX - 1);
        let last = Seat::take(&streams, &customer("ann"));
        assert!(last.is_ok());
        let refused = Seat::take(&streams, &customer("bob"));
        assert_eq!(refused.err().map(|problem| problem.status().as_u16()), Some(503));
    }
}
