//! Who asked for what: the request id and the W3C trace that a request belongs to.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, request::Parts};
use lmall_app::Trace;

/// The header of the request id, in and out.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of the W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Characters of the longest request id taken from a client.
const REQUEST_ID_LEN_MAX: usize = 128;

/// Where a request belongs; found in the request's extensions, and an extractor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// The id that the caller gave or that we made; empty only outside [`crate::finish`].
    pub request_id: Arc<str>,
    /// The caller's trace, if it is well-formed.
    pub traceparent: Option<Arc<str>>,
}

/// Makes request ids: 64 random bits of this process, then 64 that never repeat within it.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestContext {
    /// Reads the headers; what is absent or ill-formed is made anew or left out.
    #[must_use]
    pub fn accept(headers: &HeaderMap, ids: &RequestIds) -> Self {
        let request_id = match single(headers, &X_REQUEST_ID) {
            Some(id) if is_request_id(id) => id.into(),
            Some(_) | None => ids.make(),
        };
        let traceparent =
            single(headers, &TRACEPARENT).filter(|text| is_traceparent(text)).map(Into::into);
        Self { request_id, traceparent }
    }

    /// What ties the events that the request causes to it.
    #[must_use]
    pub fn trace(self) -> Trace {
        let Self { request_id, traceparent } = self;
        Trace { correlation_id: Some(request_id).filter(|id| !id.is_empty()), traceparent }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestIds {
    /// Starts a new sequence.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    #[must_use]
    pub fn new() -> Self {
        let random = || getrandom::u64().expect("the operating system gives random bytes");
        Self { process: random(), next: AtomicU64::new(random()) }
    }

    fn make(&self) -> Arc<str> {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        Hex { high: self.process, low: mix(count) }.to_string().into()
    }
}

/// A 128-bit number in hexadecimal.
struct Hex {
    high: u64,
    low: u64,
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}

/// The finaliser of splitmix64: a bijection, so that distinct counts stay distinct.
const fn mix(count: u64) -> u64 {
    let count = (count ^ (count >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let count = (count ^ (count >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    count ^ (count >> 31)
}

/// The value of a header that is there once and is text.
fn single<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (_, _) => None,
    }
}

fn is_request_id(id: &str) -> bool {
    (1..=REQUEST_ID_LEN_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Whether it is version 00 of <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |len: usize| {
        parts.next().filter(|part| {
            part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let not_zero = |id: Option<&str>| id.is_some_and(|id| id.bytes().any(|byte| byte != b'0'));
    let version = hex(2) == Some("00");
    version && not_zero(hex(32)) && not_zero(hex(16)) && hex(2).is_some() && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_is_kept() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        let bad = [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        ];
        for text in bad {
            assert!(!is_traceparent(text), "{text}");
        }
    }

    #[test]
    fn made_ids_are_acceptable_and_distinct() {
        let ids = RequestIds::new();
        let made: std::collections::HashSet<_> = (0..1_000).map(|_| ids.make()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.len() == 32 && is_request_id(id)));
    }
}
