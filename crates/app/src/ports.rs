//! What the use cases ask of the world.

mod access_tokens;
mod bus;
mod catalogue;
mod chance;
mod deadlines;
mod gate;
mod gateway;
mod limiter;
mod mailer;
mod notices;
mod revocations;
mod store;
mod waiting;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use lmall_domain::{OrderId, Timestamp};

pub use access_tokens::{AccessTokens, SignError};
pub use bus::{
    Bus, BusError, DeadLetter, DeadLetterFilter, DeadLetters, Delivery, Message, QueueDepth,
    Receipt, ReplayRun, ReplayTrigger,
};
pub use catalogue::{Found, PriceCopies, Search, Wanted};
pub use chance::Chance;
pub use deadlines::{DeadlineError, Deadlines};
pub use gate::{GateAnswer, GateError, GateSnapshot, StockGate};
pub use gateway::{GatewayError, PaymentGateway, RefundAnswer, RefundRequest};
pub use limiter::{BucketId, LimiterError, RateLimiter};
pub use mailer::{Mail, MailError, Mailer};
pub use notices::{LoggedNotices, Notice, Notices};
pub use revocations::{RevocationError, Revocations};
pub use store::{
    CommitError, Index, IndexEntry, IndexQuery, Item, Key, NewRow, Page, Query, Scan, Store,
    StoreError, Table, Watch,
};
pub use waiting::{Admissions, Joined, WaitingError, WaitingRooms};

/// Where time comes from.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point in the past; never goes back, whatever happens to [`now`].
    ///
    /// [`now`]: Clock::now
    fn monotonic(&self) -> Duration;

    /// Returns when `duration` has passed on this clock.
    async fn sleep(&self, duration: Duration);
}

/// What runs tasks beside each other.
pub trait Spawn: Send + Sync {
    /// Runs the task to its end, beside the caller.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// No id can be made: the machine id's lease has run out or never was had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no order id can be made: the lease of the machine id is over")]
pub struct NoId;

/// Where order ids come from.
pub trait OrderIds: Send + Sync {
    /// An id that was never given before and never will be again.
    ///
    /// # Errors
    /// [`NoId`] until a lease is held again.
    fn next(&self) -> Result<OrderId, NoId>;
}
