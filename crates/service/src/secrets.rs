//! Secrets, and how they are rotated.

use std::{error::Error, sync::Arc};

use lmall_app::failure::chain;
use lmall_aws::{Parameters, parameters::ParameterError};
use lmall_runtime::Tasks;
use parking_lot::Mutex;

use crate::{BadConfiguration, CERTAIN};

/// What it means that there is no such parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// What it opens stays closed, and somebody should know.
    IsSaid,
    /// What it is for is off.
    IsFine,
}

/// Takes a secret that was given, or else the parameter of this name, now and whenever it changes.
/// One that is missing is waited for.
///
/// # Errors
/// [`BadConfiguration`] when what was given cannot be used. When Parameter Store does not answer,
/// unless the secret is one that its user can do without.
pub async fn follow<E: Error + Send + 'static>(
    given: Option<&str>,
    parameters: Parameters,
    tasks: &mut Tasks,
    name: &'static str,
    missing: Missing,
    take: impl Fn(&str) -> Result<(), E> + Send + Sync + 'static,
) -> anyhow::Result<()> {
    if let Some(text) = given {
        let taken = take(text);
        return Ok(taken.map_err(|e| BadConfiguration(format!("{name}: {}", chain(&e))))?);
    }
    let followed = Arc::new(Followed { parameters, name, missing, seen: Mutex::default(), take });
    match followed.look().await {
        Err(error) if missing == Missing::IsFine => {
            tracing::warn!(parameter = name, error = chain(&error), "not known yet");
        }
        looked => drop(looked?),
    }
    tasks.every(CERTAIN, name, move || {
        let followed = followed.clone();
        async move { followed.look().await }
    });
    Ok(())
}

/// A secret that is kept in Parameter Store.
struct Followed<T> {
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
    /// Looks at the parameter, and takes what is new there; gives how many that were. One that
    /// is missing or cannot be used changes nothing.
    ///
    /// # Errors
    /// When Parameter Store does not answer.
    async fn look(&self) -> Result<usize, ParameterError> {
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
