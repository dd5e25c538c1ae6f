//! Secrets, and how they are rotated.

use std::{error::Error, sync::Arc};

use lmall_app::failure::chain;
use lmall_aws::{Parameters, parameters::ParameterError};
use parking_lot::Mutex;

/// What it means that there is no such parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// What it opens stays closed, and somebody should know.
    IsSaid,
    /// What it is for is off.
    IsFine,
}

/// A secret that is kept in Parameter Store.
pub(crate) struct Followed<T> {
    parameters: Parameters,
    name: &'static str,
    missing: Missing,
    /// The last text that was looked at, good or bad.
    seen: Mutex<Option<Arc<str>>>,
    take: T,
}

impl<T, E> Followed<T>
where
    T: Fn(&str) -> Result<(), E>,
    E: Error,
{
    pub(crate) fn new(
        parameters: Parameters,
        name: &'static str,
        missing: Missing,
        take: T,
    ) -> Self {
        Self { parameters, name, missing, seen: Mutex::default(), take }
    }

    /// Looks at the parameter, and takes what is new there; gives how many that were. One that
    /// is missing or cannot be used changes nothing.
    ///
    /// # Errors
    /// When Parameter Store does not answer.
    pub(crate) async fn look(&self) -> Result<usize, ParameterError> {
        let Some(text) = self.parameters.get(self.name).await? else {
            if self.missing == Missing::IsSaid {
                tracing::warn!(parameter = self.name, "there is no such parameter");
            }
            return Ok(0);
        };
        let mut seen = self.seen.lock();
        if seen.as_deref() == Some(&*text) {
            return Ok(0);
        }
        *seen = Some(Arc::clone(&text));
        match (self.take)(&text) {
            Ok(()) => Ok(1),
            Err(error) => {
                let error = chain(&error);
                tracing::error!(parameter = self.name, error, "the parameter cannot be used");
                Ok(0)
            }
        }
    }
}
