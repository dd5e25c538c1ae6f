//! Secrets, and how they are rotated.

use std::{error::Error, sync::Arc};

use lmall_app::failure::chain;
use lmall_aws::{Parameters, parameters::ParameterError};
use parking_lot::Mutex;

/// A secret that is kept in Parameter Store.
pub(crate) struct Followed<T> {
    parameters: Parameters,
    name: &'static str,
    /// The last text that was looked at, good or bad.
    seen: Mutex<Option<Arc<str>>>,
    take: T,
}

impl<T, E> Followed<T>
where
    T: Fn(&str) -> Result<(), E>,
    E: Error,
{
    pub(crate) fn new(parameters: Parameters, name: &'static str, take: T) -> Self {
        Self { parameters, name, seen: Mutex::default(), take }
    }

    /// Looks at the parameter, and takes what is new there; gives how many that were. One that
    /// is missing or cannot be used changes nothing.
    ///
    /// # Errors
    /// When Parameter Store does not answer.
    pub(crate) async fn look(&self) -> Result<usize, ParameterError> {
        let Some(text) = self.parameters.get(self.name).await? else {
            tracing::warn!(parameter = self.name, "there is no such parameter");
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
