//! Tokens as the user service makes them, and as it never would.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use lmall_app::ports::{Clock, RevocationError, Revocations};
use lmall_contract::clock::ManualClock;
use lmall_domain::{Timestamp, id::SessionId};
use lmall_gateway::{
    Identity, Verifier,
    identity::{Jwks, JwksError},
};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Who the tokens are from.
pub(crate) const ISSUER: &str = "lmall";

/// The user service, as far as the gateway knows it.
#[derive(Default)]
pub(crate) struct Issuer {
    keys: Mutex<Vec<(String, SigningKey)>>,
    revoked: Mutex<Vec<SessionId>>,
    pub(crate) fetches: AtomicUsize,
    pub(crate) looks: AtomicUsize,
    /// Nobody says which sessions have ended.
    pub(crate) is_away: AtomicBool,
    /// The keys cannot be had.
    pub(crate) hides_keys: AtomicBool,
}

impl Issuer {
    /// With one key, `k1`.
    pub(crate) fn new() -> Arc<Self> {
        let issuer = Self::default();
        issuer.add_key("k1");
        Arc::new(issuer)
    }

    pub(crate) fn add_key(&self, kid: &str) {
        let seed: [u8; 32] = std::array::from_fn(|at| kid.as_bytes()[at % kid.len()]);
        self.keys.lock().push((kid.to_owned(), SigningKey::from_bytes(&seed)));
    }

    pub(crate) fn end_session(&self, session: &str) {
        self.revoked.lock().push(session.parse().expect("a session id"));
    }

    /// The gateway that believes this one.
    pub(crate) fn identity(self: &Arc<Self>, clock: &Arc<ManualClock>) -> Identity {
        let verifier = Verifier::new(ISSUER.to_owned(), self.clone(), self.clone(), clock.clone());
        Identity::Token(Box::new(verifier))
    }

    /// A token of Ann's that is good for ten minutes from `now`.
    pub(crate) fn token(&self, now: Timestamp) -> String {
        self.signed(&json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"}), &claims(now))
    }

    /// Whatever is wanted, signed with the key that is named, or with the first one.
    pub(crate) fn signed(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let keys = self.keys.lock();
        let named = keys.iter().find(|(kid, _)| header["kid"] == kid.as_str());
        let (_, key) = named.or(keys.first()).expect("a key");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
        format!("{message}.{signature}")
    }

    /// The 32 bytes of the first public key: what an attacker would take for a secret.
    pub(crate) fn public_key(&self) -> [u8; 32] {
        let keys = self.keys.lock();
        keys.first().expect("a key").1.verifying_key().to_bytes()
    }
}

/// Ann's claims.
pub(crate) fn claims(now: Timestamp) -> Value {
    let now_s = now.as_secs();
    json!({
        "iss": ISSUER, "aud": "lmall", "sub": "ann", "sid": "ses_1",
        "iat": now_s, "exp": now_s + 600, "jti": "t1",
    })
}

/// Header and claims, as they are signed.
pub(crate) fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The start of a test.
pub(crate) fn now(clock: &ManualClock) -> Timestamp {
    clock.now()
}

#[async_trait]
impl Jwks for Issuer {
    async fn fetch(&self) -> Result<Bytes, JwksError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        // Whoever asks at the same time gets to ask.
        tokio::task::yield_now().await;
        if self.hides_keys.load(Ordering::SeqCst) {
            return Err(JwksError("away".into()));
        }
        let jwk = |(kid, key): &(String, SigningKey)| {
            let x = BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes());
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x})
        };
        let keys: Vec<_> = self.keys.lock().iter().map(jwk).collect();
        Ok(Bytes::from(json!({ "keys": keys }).to_string()))
    }
}

#[async_trait]
impl Revocations for Issuer {
    async fn revoke(&self, session: &SessionId, _until: Timestamp) -> Result<(), RevocationError> {
        self.revoked.lock().push(session.clone());
        Ok(())
    }

    async fn is_revoked(&self, session: &SessionId) -> Result<bool, RevocationError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(RevocationError("away".into()));
        }
        Ok(self.revoked.lock().contains(session))
    }
}
