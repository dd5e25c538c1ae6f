//! The secrets of the user service in Parameter Store.

use std::sync::Arc;

use axum::{extract::Request, middleware::Next, response::Response};
use lmall_app::{customer::Keys, failure::chain};
use lmall_aws::Parameters;
use lmall_lambda::FunctionError;
use lmall_user_api::{IdentityProviders, KeyRing};
use parking_lot::Mutex;

/// The keys, as [`Keys::to_json`] writes them.
const KEYS: &str = "customer-keys";

/// The identity providers, as JSON.
const IDENTITY_PROVIDERS: &str = "identity-providers";

/// The secrets. Clones share what they know.
#[derive(Clone)]
pub(crate) struct Secrets {
    parameters: Parameters,
    /// The keys that are in use: the same value is the same `Arc`.
    taken: Arc<Mutex<Option<Arc<str>>>>,
}

impl Secrets {
    pub(crate) fn new(parameters: Parameters) -> Self {
        Self { parameters, taken: Arc::default() }
    }

    /// The keys.
    pub(crate) async fn keys(&self) -> Result<Keys, FunctionError> {
        let json = self.read(KEYS).await?;
        let missing = || FunctionError::BadSettings(format!("the parameter {KEYS} is not there"));
        let json = json.ok_or_else(missing)?;
        let keys = Keys::parse(&json).map_err(|e| FunctionError::BadSettings(e.to_string()))?;
        *self.taken.lock() = Some(json);
        Ok(keys)
    }

    /// Who customers may come from: nobody while there is no such parameter.
    pub(crate) async fn identity_providers(&self) -> Result<IdentityProviders, FunctionError> {
        let json = self.read(IDENTITY_PROVIDERS).await?;
        IdentityProviders::parse(json.as_deref().unwrap_or("[]"))
            .map_err(|error| FunctionError::BadSettings(error.to_string()))
    }

    /// Takes keys that were rotated, then answers. Keys that cannot be used are left alone: those
    /// before sign on.
    pub(crate) async fn renew(self, ring: KeyRing, request: Request, next: Next) -> Response {
        match self.parameters.get(KEYS).await {
            Ok(Some(json)) => self.take(&ring, json),
            Ok(None) => tracing::error!("the keys of the user service are gone"),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "the keys of the user service cannot be read");
            }
        }
        next.run(request).await
    }

    fn take(&self, ring: &KeyRing, json: Arc<str>) {
        let mut taken = self.taken.lock();
        if taken.as_ref().is_some_and(|taken| Arc::ptr_eq(taken, &json)) {
            return;
        }
        let replaced = Keys::parse(&json).map(|keys| ring.replace(keys));
        match replaced {
            Ok(Ok(())) => tracing::info!("the keys of the user service were replaced"),
            Ok(Err(_)) | Err(_) => tracing::error!("the new keys of the user service are not good"),
        }
        // Looked at once, good or not.
        *taken = Some(json);
    }

    async fn read(&self, name: &str) -> Result<Option<Arc<str>>, FunctionError> {
        let value = self.parameters.get(name).await;
        value.map_err(|error| FunctionError::Unavailable(chain(&error)))
    }
}
