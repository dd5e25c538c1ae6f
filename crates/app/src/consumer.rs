//! The consumer runtime: receives, dedupes, retries on the ladder, dead-letters.

mod incoming;
mod run;
mod untried;

pub use incoming::{Incoming, Kept, Place, Trail};
pub use run::{Consumer, Options, Runtime, run};

use crate::failure::{Failure, chain};

/// Why a message was not processed.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It may work later: the ladder decides when.
    #[error("{0}")]
    Retry(String),
    /// It can never work: to the dead-letter queue, at once.
    #[error("{0}")]
    Reject(String),
}

impl From<Failure> for HandleError {
    fn from(failure: Failure) -> Self {
        let cause = chain(&failure);
        match failure {
            Failure::Unavailable(_) | Failure::NotYet(_) => Self::Retry(cause),
            Failure::Never(_) | Failure::Corrupt(..) => Self::Reject(cause),
        }
    }
}
