//! Who looks after the rooms: lets customers through, and takes back what they did not use.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use lmall_domain::{
    Sku,
    waiting::{Pace, ROUND_MAX, Ticket},
};
use parking_lot::Mutex;

use super::Load;
use crate::{
    failure::{Failure, chain},
    ports::{Admissions, Clock, WaitingRooms},
    shutdown::Shutdown,
};

/// How often rooms are looked after: a tenth of a second is not noticed by who waits, and lets
/// through a tenth of a second's worth at a time.
pub const ROUND: Duration = Duration::from_millis(100);

/// The pause after a round in which something did not answer.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// Admissions that are ended at the same time: they share transactions, and a round with many of
/// them does not hold up those who wait.
const ENDED_AT_ONCE: usize = 64;

/// How often the pace is thought over.
const WINDOW: Duration = Duration::from_secs(1);

/// Looks after all rooms. Any number of them may do so at the same time.
pub struct Doorman {
    rooms: Arc<dyn WaitingRooms>,
    admissions: Arc<dyn Admissions>,
    clock: Arc<dyn Clock>,
    load: Arc<Load>,
    pace: Mutex<Paced>,
}

/// The pace, and since when what it will be judged by is counted.
struct Paced {
    pace: Pace,
    since: Duration,
}

impl Doorman {
    /// One who looks after these rooms.
    #[must_use]
    pub fn new(
        rooms: Arc<dyn WaitingRooms>,
        admissions: Arc<dyn Admissions>,
        clock: Arc<dyn Clock>,
        load: Arc<Load>,
    ) -> Self {
        let pace = Mutex::new(Paced { pace: Pace::FULL, since: clock.monotonic() });
        Self { rooms, admissions, clock, load, pace }
    }

    /// Looks after every room again and again, until it is to stop.
    pub async fn run(self, mut stop: Shutdown) {
        let mut pause = ROUND;
        while stop.pause(&*self.clock, pause).await {
            pause = ROUND;
            if let Err(failure) = self.round().await
                && !stop.is_fired()
            {
                let error = chain(&failure);
                tracing::warn!(error, "the waiting rooms were not looked after");
                pause = TROUBLE_PAUSE;
            }
        }
    }

    /// Looks after every room once. Says how many customers that was about.
    ///
    /// # Errors
    /// The last failure, after all rooms were looked after as far as that was possible.
    pub async fn round(&self) -> Result<usize, Failure> {
        let pace = self.pace();
        let (mut found, mut failed) = (0, None);
        for sku in self.rooms.rooms().await? {
            match self.look_after(&sku, pace).await {
                Ok(count) => found += count,
                Err(failure) => failed = Some(failure),
            }
        }
        failed.map_or(Ok(found), Err)
    }

    /// Units that come back go to the next in line in the same round.
    async fn look_after(&self, sku: &Sku, pace: Pace) -> Result<usize, Failure> {
        let due = self.rooms.due(sku, ROUND_MAX).await?;
        let ends = due.into_iter().map(|ticket| self.end(ticket));
        let mut ends = stream::iter(ends).buffer_unordered(ENDED_AT_ONCE);
        while let Some(ended) = ends.next().await {
            ended?;
        }
        Ok(self.rooms.admit(sku, pace).await?)
    }

    /// What was not used is void, and the room knows what became of it.
    async fn end(&self, ticket: Ticket) -> Result<(), Failure> {
        let outcome = self.admissions.end(&ticket).await?;
        Ok(self.rooms.settle(&ticket, outcome).await?)
    }

    /// The share of its rate that a room may use.
    fn pace(&self) -> Pace {
        let mut paced = self.pace.lock();
        let now = self.clock.monotonic();
        if now.saturating_sub(paced.since) >= WINDOW {
            let before = paced.pace;
            *paced = Paced { pace: before.after(self.load.take()), since: now };
            if paced.pace < before {
                let permille = paced.pace.permille();
                tracing::warn!(permille, "the waiting rooms let fewer through: orders are slow");
            }
        }
        paced.pace
    }
}
