//! Replays dead letters, by the clock along the ladder, and by hand; sweeps what the stream
//! relay gave up on.
//!
//! It promises that a dead letter is sent again when its time has come, and is left to an
//! operator after that; and that the outbox of a table of which the stream relay gave up records
//! is swept before anybody forgets that it did. Everything it sends takes effect once, however
//! often it is sent.
//!
//! It must never drop a message: one that cannot be replayed is parked, with its cause.

mod failures;
mod given_up;
mod wish;

use std::sync::Arc;

use lmall_app::{
    failure::chain,
    ops::dead_letters::{Replayed, Replayer},
    relay::Relay,
};
use lmall_lambda::{FunctionError, Trigger};
use serde::Serialize;
use serde_json::Value;

pub use failures::Failures;
pub use given_up::GivenUp;
pub use wish::Wish;

/// What the function works with.
pub struct Parts {
    /// The dead letters.
    pub replayer: Replayer,
    /// From the outbox to the bus.
    pub relay: Relay,
    /// What the stream relay gave up on.
    pub given_up: Arc<dyn GivenUp>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Dead letters looked at.
    pub matched: usize,
    /// Of those, sent again.
    pub replayed: usize,
    /// Of those, left to an operator.
    pub parked: usize,
    /// Batches that the stream relay gave up on, and that were swept.
    pub swept: usize,
}

/// Runs the ladder, or replays what a caller wants replayed.
///
/// # Errors
/// When a dependency does not answer: what was sent stays sent, and the next run goes on. When
/// the input cannot be read.
pub async fn handle(input: Value, parts: &Parts) -> Result<Report, FunctionError> {
    let (done, swept) = match Trigger::<Wish>::read(input)? {
        Trigger::Schedule => {
            // The one that fails must not keep the other from its work.
            let (ladder, swept) = (parts.replayer.run_ladder().await, given_up::sweep(parts).await);
            (ladder?, swept?)
        }
        Trigger::Direct(wish) => (by_hand(wish, &parts.replayer).await?, 0),
    };
    let Replayed { matched, replayed, parked } = done;
    tracing::info!(matched, replayed, parked, swept, "dead letters looked at");
    Ok(Report { matched, replayed, parked, swept })
}

async fn by_hand(wish: Wish, replayer: &Replayer) -> Result<Replayed, FunctionError> {
    let (filter, dry_run) = (wish.filter(), wish.dry_run);
    tracing::info!(?filter, dry_run, "replaying by hand");
    let paced = replayer.clone().at_most(usize::from(wish.rate_per_s));
    let done = paced.replay(filter, dry_run).await;
    done.inspect_err(|failure| tracing::warn!(error = chain(failure), "not replayed to the end"))
        .map_err(Into::into)
}
