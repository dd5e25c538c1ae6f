//! Who is calling, under which key a call may be repeated, and what lets it through.

use axum::extract::FromRequestParts;
use http::{HeaderName, HeaderValue, StatusCode, request::Parts};

use crate::problem::Problem;

/// The header in which the gateway names the customer.
pub const X_CUSTOMER_ID: HeaderName = HeaderName::from_static("x-customer-id");

/// The header with the token of who was let through in a flash sale.
pub const X_ADMISSION_TOKEN: HeaderName = HeaderName::from_static("x-admission-token");

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Characters of the longest idempotency key, as the contract says.
const IDEMPOTENCY_KEY_LEN_MAX: usize = 255;

/// The customer who calls, as the gateway names them.
///
/// Anything but one well-formed header is 401: of two we cannot know which the gateway set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerId(pub lmall_domain::CustomerId);

/// The key under which a repeated call gets the first answer again; 400 if it is ill-formed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

/// The token of who was let through in a flash sale, as it was sent; 403 if there are several, or
/// it is not text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionToken(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for CustomerId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match values(parts, &X_CUSTOMER_ID) {
            Values::One(value) => value.to_str().ok().and_then(|text| text.parse().ok()),
            Values::None | Values::Many => None,
        }
        .map(Self)
        .ok_or_else(Problem::unauthenticated)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match values(parts, &IDEMPOTENCY_KEY) {
            Values::None => return Ok(Self(None)),
            Values::One(value) => key(value),
            Values::Many => None,
        }
        .map(|key| Self(Some(key)))
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-idempotency-key",
                "The idempotency key is not valid",
            )
            .detail("send one `Idempotency-Key` of 1 to 255 visible ASCII characters")
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AdmissionToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match values(parts, &X_ADMISSION_TOKEN) {
            Values::None => return Ok(Self(None)),
            Values::One(value) => value.to_str().ok(),
            Values::Many => None,
        }
        .map(|token| Self(Some(token.to_owned())))
        .ok_or_else(|| Problem::not_admitted().detail("send one `X-Admission-Token`"))
    }
}

/// How often a header is there.
pub(super) enum Values<'request> {
    /// Not at all.
    None,
    /// Once.
    One(&'request HeaderValue),
    /// More than once.
    Many,
}

/// The values of a header.
pub(super) fn values<'request>(parts: &'request Parts, name: &HeaderName) -> Values<'request> {
    let mut values = parts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Values::None,
        (Some(value), None) => Values::One(value),
        (Some(_), Some(_)) => Values::Many,
    }
}

/// The value as a key, if it is neither empty nor too long and visible.
fn key(value: &HeaderValue) -> Option<String> {
    let fits = (1..=IDEMPOTENCY_KEY_LEN_MAX).contains(&value.len())
        && value.as_bytes().iter().all(u8::is_ascii_graphic);
    fits.then(|| value.to_str().ok().map(Into::into)).flatten()
}
