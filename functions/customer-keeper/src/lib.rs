//! Looks after what the user service leaves behind: customers who are leaving, and keys that age.
//!
//! It promises that of a customer who is gone every row goes, also when the process that began
//! with it died; and that access tokens are signed with a new key each month, which is shown for
//! an hour before it signs. A run that is doubled or missed is harmless.
//!
//! It must never make the first keys: without any it says so and leaves them alone, for the ones
//! that are missing may be somewhere. It must never log a key or a customer.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{
    customer::{Customers, Keys},
    failure::Failure,
    ports::{Chance, Clock},
};
use lmall_lambda::{FunctionError, Tick};
use serde::Serialize;
use serde_json::Value;

mod none;

pub use none::Nobody;

/// Where the keys of the user service are kept.
#[async_trait]
pub trait KeySafe: Send + Sync {
    /// The document as it is now; `None` when there is none.
    ///
    /// # Errors
    /// When the safe does not answer.
    async fn read(&self) -> Result<Option<String>, Failure>;

    /// Puts another one in its place.
    ///
    /// # Errors
    /// When the safe does not answer: it may be there, or not.
    async fn replace(&self, keys: &str) -> Result<(), Failure>;
}

/// What the function works with.
pub struct Parts {
    /// The user service's use cases.
    pub customers: Customers,
    /// Where its keys are.
    pub safe: Box<dyn KeySafe>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What keys are made of.
    pub chance: Arc<dyn Chance>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Customers who were leaving, of whom nothing is left now.
    pub gone: usize,
    /// Whether the keys are other ones now.
    pub rotated: bool,
}

/// Does both. One that fails does not keep the other from being done.
///
/// # Errors
/// When the store or the safe does not answer: the next run goes on. When the keys cannot be
/// read, or are missing. When called with anything but a schedule's event.
pub async fn handle(input: Value, parts: &Parts) -> Result<Kept, FunctionError> {
    Tick::read(input)?;
    let (gone, rotated) = (parts.customers.finish_leaving().await, rotate(parts).await);
    let kept = Kept { gone: gone?, rotated: rotated? };
    tracing::info!(gone = kept.gone, rotated = kept.rotated, "customers looked after");
    Ok(kept)
}

/// Rotates the keys, if it is time. One run at a time does so: the safe has no conditions.
async fn rotate(parts: &Parts) -> Result<bool, FunctionError> {
    let bad = |what: String| FunctionError::BadSettings(what);
    let before = parts.safe.read().await?;
    let before = before.ok_or_else(|| bad("there are no keys of the user service".to_owned()))?;
    let before = Keys::parse(&before).map_err(|error| bad(error.to_string()))?;
    let Some(after) = before.rotated(&*parts.chance, parts.clock.now()) else { return Ok(false) };
    parts.safe.replace(&after.to_json()).await?;
    Ok(true)
}
