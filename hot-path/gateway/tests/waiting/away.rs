//! Rooms and an order service that never answer, but note what they were told.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{
    failure::Failure,
    ports::{Admissions, Joined, WaitingError, WaitingRooms},
    shutdown::Shutdown,
    waiting::{AdmissionKeys, Load},
};
use lmall_domain::{
    CustomerId, Sku,
    waiting::{Outcome, Pace, Settings, Standing, Summary, Ticket},
};
use lmall_gateway::waiting::Hall;
use lmall_web::testing::Away;
use parking_lot::Mutex;

/// Rooms that are away but for what became of admissions.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) settled: Mutex<Vec<(Ticket, Outcome)>>,
}

/// An order service that is away, but for what became of admissions.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) outcome: Option<Outcome>,
}

pub(crate) fn keys() -> AdmissionKeys {
    AdmissionKeys::parse(&format!("a:{}", "5a".repeat(32))).expect("a key")
}

/// A hall whose every port is away.
pub(crate) fn hall(stop: Shutdown) -> Hall {
    hall_with(Arc::default(), Desk::default(), Arc::default(), stop)
}

pub(crate) fn hall_with(rooms: Arc<Rooms>, desk: Desk, load: Arc<Load>, stop: Shutdown) -> Hall {
    Hall::new(rooms, Arc::new(desk), keys(), Arc::new(Away), load, stop)
}

fn away() -> WaitingError {
    WaitingError("away".into())
}

#[async_trait]
impl WaitingRooms for Rooms {
    async fn open(&self, _: &Sku, _: Settings) -> Result<bool, WaitingError> {
        Err(away())
    }

    async fn close(&self, _: &Sku) -> Result<bool, WaitingError> {
        Err(away())
    }

    async fn rooms(&self) -> Result<Vec<Sku>, WaitingError> {
        Err(away())
    }

    async fn summary(&self, _: &Sku) -> Result<Option<Summary>, WaitingError> {
        Err(away())
    }

    async fn join(&self, _: &Sku, _: &CustomerId) -> Result<Joined, WaitingError> {
        Err(away())
    }

    async fn visit(&self, _: &Sku, _: &CustomerId) -> Result<Option<Standing>, WaitingError> {
        Err(away())
    }

    async fn leave(&self, _: &Sku, _: &CustomerId) -> Result<(), WaitingError> {
        Err(away())
    }

    async fn admit(&self, _: &Sku, _: Pace) -> Result<usize, WaitingError> {
        Err(away())
    }

    async fn due(&self, _: &Sku, _: usize) -> Result<Vec<Ticket>, WaitingError> {
        Err(away())
    }

    async fn settle(&self, ticket: &Ticket, outcome: Outcome) -> Result<(), WaitingError> {
        self.settled.lock().push((ticket.clone(), outcome));
        Ok(())
    }
}

#[async_trait]
impl Admissions for Desk {
    async fn set_flash(&self, _: &Sku, _: bool) -> Result<bool, Failure> {
        Err(Failure::Unavailable("away".into()))
    }

    async fn outcome(&self, _: &Ticket) -> Result<Option<Outcome>, Failure> {
        Ok(self.outcome)
    }

    async fn end(&self, _: &Ticket) -> Result<Outcome, Failure> {
        Err(Failure::Unavailable("away".into()))
    }
}
