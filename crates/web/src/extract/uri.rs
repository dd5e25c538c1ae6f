//! Parameters in the path and in the query.

use axum::extract::{FromRequestParts, Path, Query, rejection::QueryRejection};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::violation;
use crate::problem::Problem;

/// The query of a request; 400 if it is ill-encoded, 422 if it is not a `T`.
///
/// Whether unknown parameters are refused is up to `T`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiQuery<T>(pub T);

/// The parameters in the path; 404 if they are not a `T`, for there is no such thing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        if !is_well_encoded(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::malformed().detail("the query is not percent-encoded UTF-8"));
        }
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|rejection| query_refusal(&rejection))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !is_well_encoded(parts.uri.path()) {
            return Err(Problem::not_found());
        }
        let rejection = match Path::from_request_parts(parts, state).await {
            Ok(Path(parameters)) => return Ok(Self(parameters)),
            Err(rejection) => rejection,
        };
        if rejection.status().is_client_error() {
            return Err(Problem::not_found());
        }
        tracing::error!(error = %rejection, "a route and its path parameters do not fit");
        Err(Problem::internal())
    }
}

/// axum says `Failed to …: name: what is wrong`, the name left out when it is about the whole.
fn query_refusal(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let message = text.split_once(": ").map_or(text.as_str(), |(_, message)| message);
    match message.split_once(": ") {
        Some((name, detail)) if !name.contains(' ') => {
            violation::refusal(format!("/{name}"), detail)
        }
        Some(_) | None => violation::refusal(String::new(), message),
    }
}

/// Whether each `%` starts two hexadecimal digits and the whole decodes to UTF-8.
fn is_well_encoded(text: &str) -> bool {
    if !text.contains('%') {
        return true;
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (Some(high), Some(low)) = (hex(bytes.next()), hex(bytes.next())) else {
                return false;
            };
            decoded.push(high * 16 + low);
        } else {
            decoded.push(byte);
        }
    }
    std::str::from_utf8(&decoded).is_ok()
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
