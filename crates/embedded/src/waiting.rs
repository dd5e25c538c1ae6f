//! Waiting rooms in memory, with all that happened in them in the store.
//!
//! Everything that has to survive is an event. One clerk collects what is wished for at the same
//! time, lets the room decide, writes the events of all of it into a few rows, and only when
//! those are durable do the rooms take note and the callers hear of it. So a hundred thousand
//! arrivals are some hundreds of rows, and nobody is told of a place that a crash can take away.
//! Signs of life, and looks at a room, write nothing.

mod clerk;
mod log;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use lmall_app::{
    failure::Failure,
    ports::{Clock, Joined, Store, WaitingError, WaitingRooms},
};
use lmall_domain::{
    CustomerId, Sku, Timestamp,
    waiting::{Arrival, Event, Outcome, Pace, Room, Settings, Standing, Summary, Ticket},
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};

pub use clerk::Clerk;

/// Wishes that wait for the clerk; who comes then waits to be let into this line.
const WISHES_MAX: usize = 4_096;

/// The rooms of one process: the only one that has this store.
pub struct LocalRooms {
    rooms: Rooms,
    clock: Arc<dyn Clock>,
    wishes: mpsc::Sender<Wish>,
    /// One round of admitting is done before the next is decided: no unit is promised twice.
    admitting: tokio::sync::Mutex<()>,
}

/// The rooms, as far as they are durable.
type Rooms = Arc<RwLock<BTreeMap<Sku, Arc<Mutex<Kept>>>>>;

/// A room, and how many rows of events there are of it.
struct Kept {
    room: Room,
    opened_at: Timestamp,
    rows: u64,
}

/// Something that takes a transaction.
enum Wish {
    Open(Sku, Settings, oneshot::Sender<Result<bool, Failure>>),
    Close(Sku, oneshot::Sender<Result<bool, Failure>>),
    Change(Change),
}

/// What a room decides, at that time.
type Decide = Box<dyn FnOnce(&mut Room, Timestamp) -> Vec<Event> + Send>;

/// What a room is to decide, and who hears how many of its events took effect.
struct Change {
    sku: Sku,
    decide: Decide,
    done: oneshot::Sender<Result<usize, Failure>>,
}

/// The clerk is not there: the process stops.
#[derive(Debug, thiserror::Error)]
#[error("the waiting rooms are closing")]
struct Closing;

impl LocalRooms {
    /// The rooms of this store, and the clerk, who has to run for anything to be changed.
    ///
    /// # Errors
    /// When the store does not answer, or a room in it cannot be read.
    pub async fn load(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Clerk), Failure> {
        let rooms = log::load(&*store, &*clock).await?;
        let rooms: Rooms = Arc::new(RwLock::new(rooms));
        let (wishes, waiting) = mpsc::channel(WISHES_MAX);
        let clerk = Clerk::new(Arc::clone(&rooms), store, Arc::clone(&clock), waiting);
        Ok((Self { rooms, clock, wishes, admitting: tokio::sync::Mutex::default() }, clerk))
    }

    /// Looks into a room, if there is one.
    fn with<T>(&self, sku: &Sku, look: impl FnOnce(&mut Room, Timestamp) -> T) -> Option<T> {
        let kept = self.rooms.read().get(sku).map(Arc::clone)?;
        let mut kept = kept.lock();
        Some(look(&mut kept.room, self.clock.now()))
    }

    /// Has a room decide something; says how many events took effect.
    async fn change(
        &self,
        sku: &Sku,
        decide: impl FnOnce(&mut Room, Timestamp) -> Vec<Event> + Send + 'static,
    ) -> Result<usize, WaitingError> {
        self.ask(|done| Wish::Change(Change { sku: sku.clone(), decide: Box::new(decide), done }))
            .await
    }

    async fn ask<T>(
        &self,
        wish: impl FnOnce(oneshot::Sender<Result<T, Failure>>) -> Wish,
    ) -> Result<T, WaitingError> {
        let (done, answer) = oneshot::channel();
        let closing = || WaitingError(Box::new(Closing));
        self.wishes.send(wish(done)).await.map_err(|_| closing())?;
        let answer = answer.await.map_err(|_| closing())?;
        answer.map_err(|failure| WaitingError(Box::new(failure)))
    }
}

#[async_trait]
impl WaitingRooms for LocalRooms {
    async fn open(&self, sku: &Sku, settings: Settings) -> Result<bool, WaitingError> {
        self.ask(|done| Wish::Open(sku.clone(), settings, done)).await
    }

    async fn close(&self, sku: &Sku) -> Result<bool, WaitingError> {
        self.ask(|done| Wish::Close(sku.clone(), done)).await
    }

    async fn rooms(&self) -> Result<Vec<Sku>, WaitingError> {
        Ok(self.rooms.read().keys().cloned().collect())
    }

    async fn summary(&self, sku: &Sku) -> Result<Option<Summary>, WaitingError> {
        Ok(self.with(sku, |room, _| room.summary()))
    }

    async fn join(&self, sku: &Sku, customer_id: &CustomerId) -> Result<Joined, WaitingError> {
        match self.with(sku, |room, _| room.arrive(customer_id)) {
            None => return Ok(Joined::NoRoom),
            Some(Arrival::SoldOut) => return Ok(Joined::SoldOut),
            Some(Arrival::Full) => return Ok(Joined::Full),
            Some(Arrival::Known | Arrival::New(_)) => {}
        }
        let known = self.visit(sku, customer_id).await?;
        if let Some(standing) = known.filter(|standing| *standing != Standing::Lapsed) {
            return Ok(Joined::Known(standing));
        }
        let who = customer_id.clone();
        let joined = self.change(sku, move |room, _| match room.arrive(&who) {
            Arrival::New(event) => vec![event],
            Arrival::Known | Arrival::SoldOut | Arrival::Full => Vec::new(),
        });
        let is_new = joined.await? > 0;
        Ok(match self.visit(sku, customer_id).await? {
            Some(standing) if is_new => Joined::New(standing),
            Some(standing) => Joined::Known(standing),
            None if self.with(sku, |_, _| ()).is_none() => Joined::NoRoom,
            None => Joined::SoldOut,
        })
    }

    async fn visit(
        &self,
        sku: &Sku,
        customer_id: &CustomerId,
    ) -> Result<Option<Standing>, WaitingError> {
        Ok(self.with(sku, |room, now| room.visit(customer_id, now)).flatten())
    }

    async fn leave(&self, sku: &Sku, customer_id: &CustomerId) -> Result<(), WaitingError> {
        let who = customer_id.clone();
        let left = self.change(sku, move |room, now| room.leave(&who, now).into_iter().collect());
        left.await.map(drop)
    }

    async fn admit(&self, sku: &Sku, pace: Pace) -> Result<usize, WaitingError> {
        let _alone = self.admitting.lock().await;
        // Decided here already, so that an idle room costs no turn of the clerk.
        let events = self.with(sku, |room, now| {
            let mut events = room.missing(now);
            events.extend(room.admit(now, pace));
            events
        });
        match events {
            Some(events) if !events.is_empty() => self.change(sku, |_, _| events).await,
            Some(_) | None => Ok(0),
        }
    }

    async fn due(&self, sku: &Sku, limit: usize) -> Result<Vec<Ticket>, WaitingError> {
        Ok(self.with(sku, |room, now| room.due(now, limit)).unwrap_or_default())
    }

    async fn settle(&self, ticket: &Ticket, outcome: Outcome) -> Result<(), WaitingError> {
        let (opened_at, place) = (ticket.opened_at, ticket.place);
        let settled = self.change(&ticket.sku, move |room, _| {
            let is_this_one = room.summary().opened_at == opened_at;
            is_this_one.then(|| room.settle(place, outcome)).flatten().into_iter().collect()
        });
        settled.await.map(drop)
    }
}
