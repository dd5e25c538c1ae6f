//! Settings and secrets in Parameter Store.
//!
//! A service makes one [`Parameters`] and asks it for a value whenever it needs one, such as the
//! operator's token for each request: nearly always that is a look into memory. So a secret that
//! is rotated takes effect within [`FRESH_FOR`] without a restart. What is built from a value,
//! such as a connection, is built again when [`Parameters::get`] gives another `Arc`.
//!
//! No value is ever in a log, an error or a `Debug`.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use aws_sdk_ssm::{Client, error::ProvideErrorMetadata, types::ParameterType};
use lmall_app::{failure::chain, ports::Clock};
use parking_lot::Mutex as SyncMutex;
use tokio::sync::Mutex;

use crate::Clients;

/// How long a value is given without asking again.
pub const FRESH_FOR: Duration = Duration::from_secs(60);

/// How long after a failure the last known value is given without asking again: Parameter Store
/// is throttled soon.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Characters of a parameter's name below the prefix.
const NAME_CHARS_MAX: usize = 128;

/// The parameters of a site, below `/lmall/`. Clones share what they know.
#[derive(Clone)]
pub struct Parameters {
    inner: Arc<Inner>,
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters").field("prefix", &self.inner.prefix).finish_non_exhaustive()
    }
}

struct Inner {
    client: Client,
    clock: Arc<dyn Clock>,
    prefix: String,
    /// One for each name that was asked for: names are constants of the program.
    slots: SyncMutex<HashMap<String, Arc<Slot>>>,
}

/// One parameter. Who asks Parameter Store holds `asking`; all others wait for that answer.
#[derive(Default)]
struct Slot {
    known: SyncMutex<Option<Known>>,
    asking: Mutex<()>,
}

#[derive(Clone)]
struct Known {
    value: Option<Arc<str>>,
    /// On the monotonic clock.
    ask_again: Duration,
}

/// Parameter Store does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// Something else than letters, digits, `_`, `-`, inner `.` and inner `/`.
    #[error("`{0}` cannot be the name of a parameter")]
    Name(String),
    /// Parameter Store does not answer, or does not let us, and no value is known.
    #[error("the parameter {name} cannot be reached")]
    Unavailable {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Parameters {
    /// The parameters of these clients' site.
    #[must_use]
    pub fn new(clients: &Clients, clock: Arc<dyn Clock>) -> Self {
        let (client, prefix) = (clients.ssm.clone(), clients.site.prefix.clone());
        Self { inner: Arc::new(Inner { client, clock, prefix, slots: SyncMutex::default() }) }
    }

    /// The value of `/lmall/{name}`, decrypted; `None` when there is none.
    ///
    /// It is at most [`FRESH_FOR`] old, or older while Parameter Store does not answer. Many
    /// who ask at once cause one request, and none of them waits while an old value is known.
    /// As long as the value is the same, so is the `Arc`.
    ///
    /// # Errors
    /// When Parameter Store does not answer and no value is known.
    pub async fn get(&self, name: &str) -> Result<Option<Arc<str>>, ParameterError> {
        let slot = self.inner.slot(name)?;
        let known = slot.known.lock().clone();
        match known {
            Some(known) if self.inner.clock.monotonic() < known.ask_again => Ok(known.value),
            Some(known) => {
                if slot.asking.try_lock().is_ok() {
                    let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
                    tokio::spawn(async move {
                        if let Err(error) = inner.refresh(&slot, &name).await {
                            let error = chain(&error);
                            tracing::warn!(error, "an old value of a parameter stays in use");
                        }
                    });
                }
                Ok(known.value)
            }
            None => self.inner.refresh(&slot, name).await,
        }
    }

    /// Puts a secret in the place of `/lmall/{name}`, whatever is there. It is what [`get`]
    /// gives from then on.
    ///
    /// [`get`]: Self::get
    ///
    /// # Errors
    /// When Parameter Store does not answer: it may be there, or not.
    pub async fn replace(&self, name: &str, value: &str) -> Result<(), ParameterError> {
        let slot = self.inner.slot(name)?;
        let _asking = slot.asking.lock().await;
        let name = format!("/{}/{name}", self.inner.prefix);
        let put = self.inner.client.put_parameter().name(&name).value(value);
        let put = put.r#type(ParameterType::SecureString).overwrite(true).send().await;
        *slot.known.lock() = None;
        put.map(drop).map_err(|e| ParameterError::Unavailable { name, cause: e.into() })
    }
}

impl Inner {
    fn slot(&self, name: &str) -> Result<Arc<Slot>, ParameterError> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(name) {
            return Ok(Arc::clone(slot));
        }
        let is_good = |c: u8| c.is_ascii_alphanumeric() || b"._-/".contains(&c);
        if !(1..=NAME_CHARS_MAX).contains(&name.len())
            || !name.bytes().all(is_good)
            || name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
        {
            return Err(ParameterError::Name(name.to_owned()));
        }
        Ok(Arc::clone(slots.entry(name.to_owned()).or_default()))
    }

    /// Asks Parameter Store, unless somebody else has just done so.
    async fn refresh(&self, slot: &Slot, name: &str) -> Result<Option<Arc<str>>, ParameterError> {
        let _asking = slot.asking.lock().await;
        let known = slot.known.lock().clone();
        if let Some(known) = &known
            && self.clock.monotonic() < known.ask_again
        {
            return Ok(known.value.clone());
        }
        let before = known.and_then(|known| known.value);
        match self.ask(name).await {
            Ok(value) => {
                let value = value.map(|value| match before {
                    Some(before) if *before == *value => before,
                    Some(_) | None => value.into(),
                });
                let ask_again = self.clock.monotonic() + FRESH_FOR;
                *slot.known.lock() = Some(Known { value: value.clone(), ask_again });
                Ok(value)
            }
            Err(error) => {
                if let Some(known) = slot.known.lock().as_mut() {
                    known.ask_again = self.clock.monotonic() + RETRY_AFTER;
                }
                Err(error)
            }
        }
    }

    async fn ask(&self, name: &str) -> Result<Option<String>, ParameterError> {
        let name = format!("/{}/{name}", self.prefix);
        let ask = self.client.get_parameter().name(&name).with_decryption(true);
        match ask.send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value)),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(ParameterError::Unavailable { name, cause: error.into() }),
        }
    }
}
