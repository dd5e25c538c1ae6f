//! Cancels orders whose time to pay is over.
//!
//! It promises that an order which was not paid by its `pay_by` is canceled within about a
//! minute, whatever Redis has forgotten: it asks the index of open orders, all of it, each time.
//! So a run that is doubled or missed is harmless.
//!
//! It touches the order table and nothing else. What lapses in the other services (reservations,
//! refunds under way) is theirs to look after: each has a table of its own, and one function
//! that may write them all would undo that.

use lmall_app::order::Orders;
use lmall_lambda::{FunctionError, Tick};
use serde::Serialize;
use serde_json::Value;

mod none;

pub use none::Nobody;

/// What the function works with.
pub struct Parts {
    /// The order service's use cases.
    pub orders: Orders,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Canceled {
    /// Orders that are canceling now.
    pub canceled: usize,
}

/// Cancels what is overdue.
///
/// # Errors
/// When the store does not answer: the next run goes on. When called with anything but a
/// schedule's event.
pub async fn handle(input: Value, parts: &Parts) -> Result<Canceled, FunctionError> {
    Tick::read(input)?;
    let canceled = parts.orders.cancel_overdue().await?;
    tracing::info!(canceled, "overdue orders canceled");
    Ok(Canceled { canceled })
}
