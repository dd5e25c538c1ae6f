//! The keys that tokens are signed with: fetched when needed, and by one request at a time.

use std::{collections::HashMap, error::Error as StdError, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use lmall_app::ports::Clock;
use parking_lot::RwLock;

use crate::upstream::{Forwarded, Target};

/// How long keys are used without asking for newer ones.
const FRESH: Duration = Duration::from_secs(300);

/// How long keys are used when there are no newer ones to be had. A key that its owner has given
/// up is believed for this long at most.
const STALE_MAX: Duration = Duration::from_secs(3_600);

/// The pause between two fetches, whatever tokens come in: whoever invents names of keys makes
/// nobody work.
const PAUSE: Duration = Duration::from_secs(10);

/// The pause while there are no keys at all.
const PAUSE_EMPTY: Duration = Duration::from_secs(1);

/// The longest wait for the keys.
const FETCH_WITHIN: Duration = Duration::from_secs(2);

/// Bytes of the longest set of keys: one has some 150.
const SET_LEN_MAX: usize = 64 * 1024;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 32;

/// Keys that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the keys of access tokens cannot be had")]
pub struct JwksError(#[source] pub Box<dyn StdError + Send + Sync>);

/// Where the keys are.
#[async_trait]
pub trait Jwks: Send + Sync {
    /// The keys, as a JSON Web Key Set (RFC 7517).
    ///
    /// # Errors
    /// When they cannot be had.
    async fn fetch(&self) -> Result<Bytes, JwksError>;
}

/// The keys of a service that shows them at a path.
pub struct KeysAt {
    target: Target,
    path: String,
}

impl KeysAt {
    /// Where a JSON Web Key Set is by convention.
    pub const WELL_KNOWN: &'static str = "/.well-known/jwks.json";

    /// The keys at that path of the service.
    #[must_use]
    pub fn new(target: Target, path: &str) -> Self {
        Self { target, path: path.to_owned() }
    }
}

#[async_trait]
impl Jwks for KeysAt {
    async fn fetch(&self) -> Result<Bytes, JwksError> {
        let request = Request::get(&self.path).body(()).map_err(|e| JwksError(e.into()))?;
        let body = Limited::new(Body::empty(), 0);
        let request = Forwarded { parts: request.into_parts().0, body, repeatable: false };
        let answer = self.target.open(request, FETCH_WITHIN).await;
        let answer = answer.map_err(|error| JwksError(error.into()))?;
        if answer.status() != StatusCode::OK {
            return Err(JwksError(format!("the answer is {}", answer.status()).into()));
        }
        let body = Limited::new(answer.into_body(), SET_LEN_MAX).collect().await;
        Ok(body.map_err(JwksError)?.to_bytes())
    }
}

type Set = HashMap<String, DecodingKey>;

/// The keys that are known, and how they are renewed.
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    jwks: Arc<dyn Jwks>,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
    /// Held by the one who fetches.
    flight: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Held {
    keys: Set,
    fetched: Option<Duration>,
    tried: Option<Duration>,
    failed: bool,
}

/// What to do for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The key that is held will do.
    Use,
    /// There may be a newer key; the one that is held will do until then.
    Renew,
    /// There may be such a key by now.
    Fetch,
    /// There is no such key.
    Unknown,
    /// Nobody knows.
    Away,
}

impl Held {
    fn plan(&self, kid: &str, now: Duration) -> Plan {
        let since = |moment: Option<Duration>| moment.map(|moment| now.saturating_sub(moment));
        let age = since(self.fetched).filter(|age| *age <= STALE_MAX);
        let pause = if age.is_some() { PAUSE } else { PAUSE_EMPTY };
        let may_try = since(self.tried).is_none_or(|passed| passed >= pause);
        match (age, self.keys.contains_key(kid)) {
            (Some(age), true) if age < FRESH || !may_try => Plan::Use,
            (Some(_), true) => Plan::Renew,
            (_, _) if may_try => Plan::Fetch,
            (Some(_), false) if !self.failed => Plan::Unknown,
            (_, _) => Plan::Away,
        }
    }
}

impl Keys {
    pub(super) fn new(jwks: Arc<dyn Jwks>, clock: Arc<dyn Clock>) -> Self {
        let (held, flight) = (RwLock::default(), Arc::default());
        Self(Arc::new(Shared { jwks, clock, held, flight }))
    }

    /// The key of that name.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, JwksError> {
        let Self(shared) = self;
        match shared.plan(kid) {
            Plan::Use => {}
            Plan::Renew => {
                if let Ok(flight) = Arc::clone(&shared.flight).try_lock_owned() {
                    drop(tokio::spawn(Arc::clone(shared).renew(flight)));
                }
            }
            Plan::Fetch => {
                let flight = Arc::clone(&shared.flight).lock_owned().await;
                // Whoever had it before may have fetched it.
                if shared.plan(kid) == Plan::Fetch {
                    // In a task of its own: whoever waits for it may give up.
                    let renewed = tokio::spawn(Arc::clone(shared).renew(flight)).await;
                    renewed.map_err(|error| JwksError(error.into()))?;
                }
            }
            Plan::Unknown | Plan::Away => {}
        }
        match shared.plan(kid) {
            Plan::Use | Plan::Renew => Ok(shared.held.read().keys.get(kid).cloned()),
            Plan::Unknown => Ok(None),
            Plan::Fetch | Plan::Away => Err(JwksError("they could not be fetched".into())),
        }
    }
}

impl Shared {
    fn plan(&self, kid: &str) -> Plan {
        self.held.read().plan(kid, self.clock.monotonic())
    }

    async fn renew(self: Arc<Self>, _flight: tokio::sync::OwnedMutexGuard<()>) {
        let fetched = tokio::time::timeout(FETCH_WITHIN, self.jwks.fetch()).await;
        let fetched = fetched.unwrap_or_else(|_| Err(JwksError("no answer in time".into())));
        let keys = fetched.and_then(|json| read(&json));
        let now = self.clock.monotonic();
        let mut held = self.held.write();
        held.tried = Some(now);
        held.failed = keys.is_err();
        match keys {
            Ok(keys) => {
                held.keys = keys;
                held.fetched = Some(now);
            }
            Err(error) => {
                let error = lmall_app::failure::chain(&error);
                tracing::warn!(error, "the keys of access tokens are not renewed");
            }
        }
    }
}

/// The keys of a set that can have signed a token of ours.
fn read(json: &[u8]) -> Result<Set, JwksError> {
    let set: JwkSet = serde_json::from_slice(json).map_err(|error| JwksError(error.into()))?;
    let keys: Set = set.keys.iter().take(KEYS_MAX).filter_map(key).collect();
    if keys.is_empty() { Err(JwksError("there is none".into())) } else { Ok(keys) }
}

fn key(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm else { return None };
    let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let kid = jwk.common.key_id.clone()?;
    if pair.curve != EllipticCurve::Ed25519 || !signs {
        return None;
    }
    let key = DecodingKey::from_ed_components(&pair.x).ok()?;
    // It is sliced later.
    (key.try_get_as_bytes().ok()?.len() == 32).then_some((kid, key))
}

#[cfg(test)]
mod tests;
