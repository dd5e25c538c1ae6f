//! The keys that sign access tokens, ready for use.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use lmall_app::{
    customer::Keys,
    ports::{AccessTokens, SignError},
};
use lmall_domain::{Timestamp, customer::token::Claims};
use parking_lot::RwLock;
use serde::Serialize;
use utoipa::ToSchema;

/// Keys that cannot sign. It says nothing of what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the user service cannot sign")]
pub struct UnusableKeys;

#[derive(Debug, thiserror::Error)]
#[error("no key signs yet: the clock may be wrong")]
struct NoKey;

/// The keys. They can be replaced while requests come in, and clones see that.
#[derive(Clone)]
pub struct KeyRing(Arc<RwLock<Arc<Ring>>>);

struct Ring {
    keys: Keys,
    ready: Vec<Ready>,
}

/// A key, both halves of it.
struct Ready {
    kid: String,
    signs: EncodingKey,
    published: Jwk,
}

/// A key that access tokens are verified with (RFC 7517, RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JsonWebKey)]
pub(crate) struct Jwk {
    /// The kind of key.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// Its curve.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// What it is for.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    purpose: &'static str,
    /// The algorithm.
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// Its name in the header of a token.
    #[schema(example = "4f2a9c01d7e3b685")]
    kid: String,
    /// The public key, in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

/// The keys that access tokens are verified with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JsonWebKeySet)]
pub(crate) struct KeySet {
    pub(crate) keys: Vec<Jwk>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing(redacted)")
    }
}

impl KeyRing {
    /// Makes the keys ready.
    ///
    /// # Errors
    /// [`UnusableKeys`].
    pub fn new(keys: Keys) -> Result<Self, UnusableKeys> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(Ring::new(keys)?)))))
    }

    /// Signs with these keys from now on: how they are rotated.
    ///
    /// # Errors
    /// [`UnusableKeys`]; those before stay in use.
    pub fn replace(&self, keys: Keys) -> Result<(), UnusableKeys> {
        let ring = Arc::new(Ring::new(keys)?);
        *self.0.write() = ring;
        Ok(())
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.ring().keys.clone()
    }

    /// The JSON Web Key Set that tokens are verified with at `now`, as it is shown.
    ///
    /// # Panics
    /// Never: it has text keys only.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> String {
        let keys = KeySet { keys: self.published(now) };
        serde_json::to_string(&keys).expect("a plain struct has a JSON form")
    }

    /// What tokens are verified with at `now`, and soon.
    pub(crate) fn published(&self, now: Timestamp) -> Vec<Jwk> {
        let ring = self.ring();
        let keys = ring.keys.published(now).filter_map(|key| ring.ready(&key.kid));
        keys.map(|ready| ready.published.clone()).collect()
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.read())
    }
}

impl Ring {
    fn new(keys: Keys) -> Result<Self, UnusableKeys> {
        let ready = keys.signing_keys().iter().map(|key| {
            let key_pair = SigningKey::from_bytes(&key.seed().ok_or(UnusableKeys)?);
            let private = key_pair.to_pkcs8_der().map_err(|_| UnusableKeys)?;
            let published = Jwk {
                kty: "OKP",
                crv: "Ed25519",
                purpose: "sig",
                alg: "EdDSA",
                kid: key.kid.clone(),
                x: BASE64_URL_SAFE_NO_PAD.encode(key_pair.verifying_key().as_bytes()),
            };
            let signs = EncodingKey::from_ed_der(private.as_bytes());
            Ok(Ready { kid: key.kid.clone(), signs, published })
        });
        let ready = ready.collect::<Result<_, _>>()?;
        Ok(Self { keys, ready })
    }

    fn ready(&self, kid: &str) -> Option<&Ready> {
        self.ready.iter().find(|ready| ready.kid == kid)
    }
}

impl AccessTokens for KeyRing {
    fn sign(&self, claims: &Claims, now: Timestamp) -> Result<String, SignError> {
        let ring = self.ring();
        let key = ring.keys.signing(now).and_then(|key| ring.ready(&key.kid));
        let key = key.ok_or_else(|| SignError(NoKey.into()))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.kid.clone());
        encode(&header, claims, &key.signs).map_err(|error| SignError(error.into()))
    }
}
