//! The configured payment providers and their secrets.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use lmall_domain::ProviderName;
use parking_lot::RwLock;
use serde::Deserialize;

/// How a provider signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `X-Lmall-Timestamp` and `X-Lmall-Signature: v1=<hex>`.
    Generic,
    /// `Stripe-Signature`.
    Stripe,
    /// The Standard Webhooks headers.
    Standard,
}

/// A secret: shown nowhere.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The secret with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for computing with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The key that it stands for; `None` for one that cannot be used.
    pub(super) fn key(&self, scheme: Scheme) -> Option<Vec<u8>> {
        let key = match scheme {
            Scheme::Generic | Scheme::Stripe => self.0.as_bytes().to_vec(),
            Scheme::Standard => {
                let text = self.0.strip_prefix("whsec_").unwrap_or(&self.0);
                BASE64_STANDARD.decode(text).ok()?
            }
        };
        (!key.is_empty()).then_some(key)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A provider. Without secrets it refuses every webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The last segment of its webhook's path.
    pub name: ProviderName,
    /// How it signs.
    pub scheme: Scheme,
    /// All that are valid now: during a rotation the old one and the new one.
    pub secrets: Vec<Secret>,
}

/// A provider configuration that cannot be used. Its text never has a secret in it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidProviders {
    /// Not the JSON that is expected; where, but not what, since that may be a secret.
    #[error(
        "not a JSON list of {{\"name\", \"scheme\": \"generic|stripe|standard\", \"secrets\"}} \
         (line {line}, column {column})"
    )]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Two of them would share a path.
    #[error("two providers are named `{0}`")]
    Doubled(ProviderName),
    /// An empty secret would let everybody sign; a Standard Webhooks one has to be base64.
    #[error("a secret of the provider `{0}` is unusable")]
    Secret(ProviderName),
}

/// The providers; they can be replaced while webhooks come in.
#[derive(Debug, Default)]
pub struct Providers(RwLock<Vec<Arc<Provider>>>);

impl Providers {
    /// These providers.
    ///
    /// # Errors
    /// [`InvalidProviders`].
    pub fn new(providers: Vec<Provider>) -> Result<Self, InvalidProviders> {
        let all = Self::default();
        all.replace(providers)?;
        Ok(all)
    }

    /// The providers in a JSON list.
    ///
    /// # Errors
    /// [`InvalidProviders`].
    pub fn parse(json: &str) -> Result<Vec<Provider>, InvalidProviders> {
        serde_json::from_str(json)
            .map_err(|error| InvalidProviders::Json { line: error.line(), column: error.column() })
    }

    /// Takes these providers from now on: how secrets are rotated.
    ///
    /// # Errors
    /// [`InvalidProviders`]; the ones before stay.
    pub fn replace(&self, providers: Vec<Provider>) -> Result<(), InvalidProviders> {
        for (index, provider) in providers.iter().enumerate() {
            if providers[..index].iter().any(|other| other.name == provider.name) {
                return Err(InvalidProviders::Doubled(provider.name.clone()));
            }
            let usable = |secret: &Secret| secret.key(provider.scheme).is_some();
            if !provider.secrets.iter().all(usable) {
                return Err(InvalidProviders::Secret(provider.name.clone()));
            }
        }
        *self.0.write() = providers.into_iter().map(Arc::new).collect();
        Ok(())
    }

    /// The provider of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Provider>> {
        self.0.read().iter().find(|provider| provider.name.as_str() == name).cloned()
    }
}
