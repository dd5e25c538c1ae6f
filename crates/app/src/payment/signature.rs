//! Who signed a webhook: HMAC-SHA256 in three schemes, compared in constant time.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use lmall_domain::Timestamp;
use sha2::Sha256;

use super::provider::{Provider, Scheme, Secret};

/// How far a signed time stamp may be from now, either way.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Signatures looked at in one webhook: a provider that rotates sends two.
const SIGNATURES_MAX: usize = 16;

/// The longest time stamp accepted, in digits: seconds far beyond the year 9999.
const TIMESTAMP_DIGITS_MAX: usize = 12;

/// A webhook, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// The signature headers, by lower-case name. A header that came twice must be left out.
    pub headers: &'a [(&'a str, &'a str)],
    /// The raw body.
    pub body: &'a [u8],
}

/// Why a webhook is refused. Never told to the sender in more detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing, doubled or not of its form.
    #[error("the signature headers are missing or malformed")]
    Malformed,
    /// The time stamp is too far from now.
    #[error("the time stamp is too old or too far ahead")]
    Stale,
    /// No valid secret made any of the signatures.
    #[error("the signature does not match")]
    Mismatch,
}

/// What a webhook claims: when it was signed, what was signed, and the signatures.
struct Claim<'a> {
    timestamp: &'a str,
    id: Option<&'a str>,
    signatures: Vec<Vec<u8>>,
}

/// Checks that one of the provider's secrets signed the webhook, less than [`TOLERANCE`] ago.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(
    provider: &Provider,
    webhook: Webhook<'_>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let claim = claim(provider.scheme, webhook.headers).ok_or(SignatureError::Malformed)?;
    let signed_at = seconds(claim.timestamp).ok_or(SignatureError::Malformed)?;
    let now = u64::try_from(now.as_secs()).unwrap_or_default();
    let matches = provider
        .secrets
        .iter()
        .filter_map(|secret| secret.key(provider.scheme))
        .any(|key| matches(&key, &claim, webhook.body));
    if !matches {
        return Err(SignatureError::Mismatch);
    }
    if now.abs_diff(signed_at) > TOLERANCE.as_secs() {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

/// The headers of a webhook that `secret` signs in the generic scheme at `now`.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8], now: Timestamp) -> [(&'static str, String); 2] {
    let timestamp = now.as_secs().to_string();
    let claim = Claim { timestamp: &timestamp, id: None, signatures: Vec::new() };
    let mac = mac(secret.expose().as_bytes(), &claim, body).finalize().into_bytes();
    let signature = format!("v1={}", hex::encode(mac));
    [("x-lmall-timestamp", timestamp), ("x-lmall-signature", signature)]
}

fn claim<'a>(scheme: Scheme, headers: &[(&str, &'a str)]) -> Option<Claim<'a>> {
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let claim = match scheme {
        Scheme::Generic => Claim {
            timestamp: header("x-lmall-timestamp")?,
            id: None,
            signatures: hex_signatures(header("x-lmall-signature")?.split(',')),
        },
        Scheme::Stripe => {
            let value = header("stripe-signature")?;
            let mut stamps = value.split(',').filter_map(|part| part.trim().strip_prefix("t="));
            let timestamp = stamps.next()?;
            if stamps.next().is_some() {
                return None;
            }
            Claim { timestamp, id: None, signatures: hex_signatures(value.split(',')) }
        }
        Scheme::Standard => {
            let of_version_1 = |part: &str| BASE64_STANDARD.decode(part.strip_prefix("v1,")?).ok();
            let value = header("webhook-signature")?;
            Claim {
                timestamp: header("webhook-timestamp")?,
                id: Some(header("webhook-id")?),
                signatures: value
                    .split(' ')
                    .filter_map(of_version_1)
                    .take(SIGNATURES_MAX)
                    .collect(),
            }
        }
    };
    (!claim.signatures.is_empty()).then_some(claim)
}

fn hex_signatures<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<Vec<u8>> {
    parts
        .filter_map(|part| hex::decode(part.trim().strip_prefix("v1=")?).ok())
        .take(SIGNATURES_MAX)
        .collect()
}

fn seconds(text: &str) -> Option<u64> {
    let digits = text.len() <= TIMESTAMP_DIGITS_MAX && text.bytes().all(|c| c.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn matches(key: &[u8], claim: &Claim<'_>, body: &[u8]) -> bool {
    let mac = mac(key, claim, body);
    // `verify_slice` compares in constant time.
    claim.signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
}

/// The MAC over `timestamp.body`, or `id.timestamp.body` where the scheme has an id.
fn mac(key: &[u8], claim: &Claim<'_>, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    if let Some(id) = claim.id {
        mac.update(id.as_bytes());
        mac.update(b".");
    }
    mac.update(claim.timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}
