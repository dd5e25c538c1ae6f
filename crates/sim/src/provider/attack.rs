//! What somebody can do who sees webhooks and does not know the secret.

#[cfg(test)]
mod tests;

use std::time::Duration;

use lmall_app::payment::{Secret, sign};
use lmall_domain::Timestamp;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Origin, Webhook};
use crate::kernel::Kernel;

const TIMESTAMP: &str = "x-lmall-timestamp";
const SIGNATURE: &str = "x-lmall-signature";

/// A forgery is sent within this long: most of them while the original would still be fresh.
const FORGED: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(400));

/// A replay is sent so long after the original was taken, to be fresh still.
const FRESH: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(240));

/// Or so long, to be stale by any clock of the shop.
const STALE: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(30 * 3_600));

/// A webhook that the secret did not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgery {
    /// Another body, signed now with a secret that was guessed.
    WrongSecret,
    /// Another body, under the signature of the one that was seen.
    OtherBody,
    /// The same body, made to look younger.
    Younger,
    /// The same body, with the time stamp far ahead.
    FarAhead,
    /// The beginning of the right signature only.
    Truncated,
    /// Another body with an empty signature.
    Empty,
    /// Another body without headers.
    NoHeaders,
    /// Another body, with the headers of other schemes, signed with nothing.
    OtherScheme,
}

impl Forgery {
    pub(super) const ALL: [Self; 8] = [
        Self::WrongSecret,
        Self::OtherBody,
        Self::Younger,
        Self::FarAhead,
        Self::Truncated,
        Self::Empty,
        Self::NoHeaders,
        Self::OtherScheme,
    ];

    pub(super) fn drawn(rng: &mut ChaCha8Rng) -> Self {
        Self::ALL[rng.random_range(0..Self::ALL.len())]
    }

    #[expect(clippy::unused_self, reason = "like a replay")]
    pub(super) fn delay(self, kernel: &Kernel) -> Duration {
        kernel.between(FORGED.0, FORGED.1)
    }

    /// What becomes of a webhook that was seen.
    pub(super) fn of(self, seen: Webhook) -> Webhook {
        let signed_at = seconds(&seen);
        let headers = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let (headers, body) = match self {
            Self::WrongSecret => {
                let (body, now) = (other(&seen.body), Timestamp::from_millis(signed_at * 1_000));
                let signed = sign(&Secret::new("guessed"), &body, now);
                (signed.map(|(name, value)| (name.to_owned(), value)).to_vec(), body)
            }
            Self::OtherBody => (seen.headers, other(&seen.body)),
            Self::Younger => {
                (with(seen.headers, TIMESTAMP, |_| (signed_at + 60).to_string()), seen.body)
            }
            Self::FarAhead => {
                let ahead = |_: &str| (signed_at + 10 * 365 * 86_400).to_string();
                (with(seen.headers, TIMESTAMP, ahead), seen.body)
            }
            Self::Truncated => {
                let half = |whole: &str| whole.chars().take(3 + 32).collect();
                (with(seen.headers, SIGNATURE, half), seen.body)
            }
            Self::Empty => (with(seen.headers, SIGNATURE, |_| "v1=".to_owned()), other(&seen.body)),
            Self::NoHeaders => (Vec::new(), other(&seen.body)),
            Self::OtherScheme => {
                let at = signed_at.to_string();
                let stripe = format!("t={at},v1={}", "0".repeat(64));
                let pairs = [
                    ("webhook-id", "msg_1"),
                    ("webhook-timestamp", &at),
                    ("webhook-signature", "v1,AAAA"),
                    ("stripe-signature", &stripe),
                ];
                (headers(&pairs), other(&seen.body))
            }
        };
        Webhook { headers, body, origin: Origin::Forged }
    }
}

/// A webhook of the provider, sent again by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    /// While it is fresh.
    Fresh,
    /// While it is fresh, with an unsigned header that says that it is another one.
    OtherId,
    /// Hours later.
    Stale,
}

impl Replay {
    pub(super) fn drawn(rng: &mut ChaCha8Rng) -> Self {
        [Self::Fresh, Self::OtherId, Self::Stale][rng.random_range(0..3_usize)]
    }

    pub(super) fn delay(self, kernel: &Kernel) -> Duration {
        let (from, to) = match self {
            Self::Fresh | Self::OtherId => FRESH,
            Self::Stale => STALE,
        };
        kernel.between(from, to)
    }

    pub(super) fn of(self, mut seen: Webhook) -> Webhook {
        match self {
            Self::Fresh => seen.origin = Origin::Replayed,
            Self::OtherId => {
                seen.headers.push(("webhook-id".to_owned(), "evt_of_an_attacker".to_owned()));
                seen.origin = Origin::Replayed;
            }
            // Signed, but not now.
            Self::Stale => seen.origin = Origin::Forged,
        }
        seen
    }
}

/// The body of another event, which nobody knows yet: the same for an order, once more.
fn other(body: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(body).replace("\"evt_", "\"evt_forged_").into_bytes()
}

fn seconds(webhook: &Webhook) -> i64 {
    let stamp = webhook.headers.iter().find(|(name, _)| name == TIMESTAMP);
    stamp.and_then(|(_, value)| value.parse().ok()).expect("every webhook has a time stamp")
}

fn with(
    mut headers: Vec<(String, String)>,
    wanted: &str,
    change: impl Fn(&str) -> String,
) -> Vec<(String, String)> {
    for (name, value) in &mut headers {
        if name == wanted {
            *value = change(value);
        }
    }
    headers
}
