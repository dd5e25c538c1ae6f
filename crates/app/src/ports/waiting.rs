//! Waiting rooms: the line in front of a SKU in a flash sale.

use async_trait::async_trait;
use lmall_domain::{
    CustomerId, Sku,
    waiting::{Outcome, Pace, Settings, Standing, Summary, Ticket},
};

use crate::failure::Failure;

/// What a wish to join came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// The customer has a place that they did not have before.
    New(Standing),
    /// They are in the room, or have ordered, since an earlier wish.
    Known(Standing),
    /// All units are sold.
    SoldOut,
    /// The room takes no more places.
    Full,
    /// The SKU has no waiting room.
    NoRoom,
}

/// Rooms that do not answer. Nothing is known of what they did; every call may be repeated.
#[derive(Debug, thiserror::Error)]
#[error("the waiting rooms do not answer")]
pub struct WaitingError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A room for each SKU in a flash sale, as [`lmall_domain::waiting::Room`] has it. What was
/// answered is not lost by a restart of the process that answered.
#[async_trait]
pub trait WaitingRooms: Send + Sync {
    /// Opens a room, or changes how an open one lets customers through. `true` when it is new.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn open(&self, sku: &Sku, settings: Settings) -> Result<bool, WaitingError>;

    /// Closes the room: whoever is in it is in no room any more. `false` when there is none.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn close(&self, sku: &Sku) -> Result<bool, WaitingError>;

    /// The SKUs that have a room, ascending.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn rooms(&self) -> Result<Vec<Sku>, WaitingError>;

    /// The room in numbers; `None` when there is none.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn summary(&self, sku: &Sku) -> Result<Option<Summary>, WaitingError>;

    /// Gives the customer a place behind everybody else, unless they have one.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn join(&self, sku: &Sku, customer_id: &CustomerId) -> Result<Joined, WaitingError>;

    /// Where the customer stands, who thereby gives a sign of life; `None` when they have no
    /// place.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn visit(
        &self,
        sku: &Sku,
        customer_id: &CustomerId,
    ) -> Result<Option<Standing>, WaitingError>;

    /// Gives the customer's place up, if they have one. An admission is due from then on.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn leave(&self, sku: &Sku, customer_id: &CustomerId) -> Result<(), WaitingError>;

    /// One round: those who are missing are out, and those whose turn it is are let through, the
    /// share of the rate being `pace`. Says how many customers that was about.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn admit(&self, sku: &Sku, pace: Pace) -> Result<usize, WaitingError>;

    /// Some admissions of which the order service has to be asked what became of them.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn due(&self, sku: &Sku, limit: usize) -> Result<Vec<Ticket>, WaitingError>;

    /// Notes what became of an admission. Nothing, when that is known or the room is another one.
    ///
    /// # Errors
    /// When the rooms do not answer.
    async fn settle(&self, ticket: &Ticket, outcome: Outcome) -> Result<(), WaitingError>;
}

/// What the waiting rooms ask of the order service.
#[async_trait]
pub trait Admissions: Send + Sync {
    /// Whether orders of the SKU need an admission from now on. Other processes of the order
    /// service hear of it within a second. `false` when as many SKUs need one as can.
    ///
    /// # Errors
    /// When the order service cannot do it.
    async fn set_flash(&self, sku: &Sku, is_on: bool) -> Result<bool, Failure>;

    /// What became of an admission; `None` while it can be used.
    ///
    /// # Errors
    /// When the order service does not answer.
    async fn outcome(&self, ticket: &Ticket) -> Result<Option<Outcome>, Failure>;

    /// Ends an admission: either it was used before this, or it never will be.
    ///
    /// # Errors
    /// When the order service does not answer.
    async fn end(&self, ticket: &Ticket) -> Result<Outcome, Failure>;
}
