//! What a function is wired to.

use std::{fmt, sync::Arc};

use lmall_app::{
    customer::StoredRevocations,
    ports::{Clock, Revocations, Store},
    relay::Relay,
};
use lmall_aws::{
    AwsBus, Clients, DynamoStore, Site,
    redis::{Redis, RedisRevocations},
};
use lmall_runtime::SystemClock;

use crate::FunctionError;

/// AWS, as the settings of the function say; connected once, before its first call.
#[derive(Clone)]
pub struct Aws {
    /// The clients.
    pub clients: Clients,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    settings: fn(&str) -> Option<String>,
}

impl Aws {
    /// Connects where the environment says.
    ///
    /// # Errors
    /// When a setting is missing or cannot be used.
    pub(crate) async fn from_env() -> Result<Self, FunctionError> {
        let site = Site::from_env(environment).map_err(bad)?;
        let clients = Clients::connect(site).await;
        Ok(Self { clients, clock: Arc::new(SystemClock::default()), settings: environment })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(DynamoStore::new(&self.clients, Arc::clone(&self.clock)))
    }

    /// The relay from the store to the bus.
    #[must_use]
    pub fn relay(&self) -> Relay {
        let bus = Arc::new(AwsBus::new(&self.clients));
        Relay::new(self.store(), bus, Arc::clone(&self.clock))
    }

    /// Sessions that were ended: on Redis, where the gateway reads them without asking anybody;
    /// without one, in the user service's table.
    ///
    /// # Errors
    /// When `LMALL_REDIS_URL` cannot be used.
    pub fn revocations(&self) -> Result<Arc<dyn Revocations>, FunctionError> {
        let Ok(url) = self.setting("LMALL_REDIS_URL") else {
            return Ok(Arc::new(StoredRevocations::new(self.store(), Arc::clone(&self.clock))));
        };
        Ok(Arc::new(RedisRevocations::new(Redis::new(&url).map_err(bad)?)))
    }

    /// A setting that the function cannot do without.
    ///
    /// # Errors
    /// When it is not set.
    pub fn setting(&self, name: &str) -> Result<String, FunctionError> {
        (self.settings)(name).ok_or_else(|| bad(format!("{name} is not set")))
    }
}

/// A setting of the function; an empty one is unset.
#[expect(clippy::disallowed_methods, reason = "read once, before the first call")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(crate) fn bad(error: impl fmt::Display) -> FunctionError {
    FunctionError::BadSettings(error.to_string())
}
