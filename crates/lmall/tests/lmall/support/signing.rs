//! Webhooks signed as providers sign them, in each of the three schemes.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret with which `demo` signs, and the one before it, which is still valid.
pub(crate) const SECRET_DEMO: &str = "whsec_demo-new";
pub(crate) const SECRET_DEMO_OLD: &str = "whsec_demo-old";

/// The secret of `cards`.
pub(crate) const SECRET_STRIPE: &str = "whsec_cards";

/// The secret of `wallet`: base64 after the prefix, as Standard Webhooks has it.
pub(crate) const SECRET_STANDARD: &str = "whsec_c3RhbmRhcmQgd2ViaG9va3Mgc2VjcmV0IQ==";

/// The configuration of every server here; `mute` has no secret.
pub(crate) const PROVIDERS: &str = r#"[
    {"name": "demo", "scheme": "generic", "secrets": ["whsec_demo-new", "whsec_demo-old"]},
    {"name": "cards", "scheme": "stripe", "secrets": ["whsec_cards"]},
    {"name": "wallet", "scheme": "standard",
     "secrets": ["whsec_c3RhbmRhcmQgd2ViaG9va3Mgc2VjcmV0IQ=="]},
    {"name": "mute", "scheme": "generic", "secrets": []}
]"#;

/// How a provider signs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Generic,
    Stripe,
    Standard,
}

/// The headers of a webhook, signed by `secret` at `timestamp`; `id` is the event's.
pub(crate) fn signed(
    scheme: Scheme,
    secret: &str,
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let stamped = [timestamp.as_bytes(), b".", body].concat();
    match scheme {
        Scheme::Generic => {
            let signature = format!("v1={}", hex::encode(mac(secret.as_bytes(), &stamped)));
            vec![("x-lmall-timestamp", timestamp.to_owned()), ("x-lmall-signature", signature)]
        }
        Scheme::Stripe => {
            let signature = hex::encode(mac(secret.as_bytes(), &stamped));
            vec![("stripe-signature", format!("t={timestamp},v1={signature}"))]
        }
        Scheme::Standard => {
            let key = secret.strip_prefix("whsec_").expect("a Standard Webhooks secret");
            let key = BASE64_STANDARD.decode(key).expect("a base64 secret");
            let signature = mac(&key, &[id.as_bytes(), b".", &stamped].concat());
            vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", timestamp.to_owned()),
                ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(signature))),
            ]
        }
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// The present, in whole seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a provider signs with the time of its own clock")]
pub(crate) fn unix_now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
