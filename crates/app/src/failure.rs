//! Why a use case could not be carried out, and how often it is tried.

use std::{error::Error, future::Future, time::Duration};

use crate::{
    backoff,
    ports::{
        BusError, Clock, CommitError, DeadlineError, GateError, Key, StoreError, WaitingError,
    },
};

/// Why a use case could not be carried out. Nothing is known to have taken effect.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A dependency is away, or others were always faster: later it may work.
    #[error("a dependency is away")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What must come before has not come yet: later it may work.
    #[error("{0}")]
    NotYet(&'static str),
    /// It can never work.
    #[error("{0}")]
    Never(String),
    /// A stored row is not what this program writes.
    // Not the partition: it may name a customer.
    #[error("a row `{sort}` of the {table:?} table is corrupt", sort = .0.sort, table = .0.table)]
    Corrupt(Key, #[source] serde_json::Error),
}

/// Others changed the row each time.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {} conflicts in a row", backoff::CONFLICT_TRIES)]
struct TooManyConflicts;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<DeadlineError> for Failure {
    fn from(error: DeadlineError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<WaitingError> for Failure {
    fn from(error: WaitingError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// What one round of load, decide, commit came to.
pub enum Round<T> {
    /// It is done.
    Done(T),
    /// Something changed between load and commit, or the outcome is unknown: load again.
    Again,
}

/// Sorts what a commit said: `Ok(Ok(()))` took effect, `Ok(Err(refusal))` did not for that
/// reason, and stale or unknown ones are tried again by the caller.
///
/// # Errors
/// When the store cannot take it now.
pub fn committed(result: Result<(), CommitError>) -> Result<Result<(), crate::Refusal>, Failure> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(CommitError::Refused(refusal)) => Ok(Err(refusal)),
        // Loading again shows whether it took effect: by the dedupe row or the version.
        Err(error @ CommitError::Unknown(_)) => {
            let error = chain(&error);
            tracing::warn!(error, "looking whether a transaction took effect");
            Ok(Err(crate::Refusal::Stale))
        }
        Err(CommitError::Unavailable(source)) => Err(Failure::Unavailable(source)),
    }
}

/// Runs rounds until one is done, at most [`backoff::CONFLICT_TRIES`], with growing pauses whose
/// length depends on `salt`, so that those who met once do not meet again.
///
/// # Errors
/// The round's own failure, or `Unavailable` when all rounds are used up.
pub async fn rounds<T, F>(
    clock: &dyn Clock,
    salt: u64,
    mut round: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<Round<T>, Failure>>,
{
    for attempt in 0..backoff::CONFLICT_TRIES {
        if attempt > 0 {
            clock.sleep(conflict_pause(salt, attempt)).await;
        }
        if let Round::Done(value) = round().await? {
            return Ok(value);
        }
    }
    Err(Failure::Unavailable(Box::new(TooManyConflicts)))
}

/// 1 to 8 ms, doubled with each attempt.
fn conflict_pause(salt: u64, attempt: u32) -> Duration {
    let jitter = salt.wrapping_add(u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
    Duration::from_millis((1 + jitter) << attempt.min(6))
}

/// The error and everything below it, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
