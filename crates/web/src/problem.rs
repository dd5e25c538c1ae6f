//! Errors as clients see them: RFC 9457 `application/problem+json`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of every error answer.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What `Retry-After` says unless the caller knows better: most outages here are a restart.
const RETRY_AFTER_DEFAULT_S: u32 = 1;

/// An answer that says no, and why, in words a client may read.
///
/// As a response it also leaves itself in the extensions, so that the outer layer, which knows
/// the path, can render it again with `instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: Option<String>,
    errors: Vec<Violation>,
    retry_after_s: Option<u32>,
}

/// The JSON form of a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// A stable URI path that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/validation")]
    pub kind: String,
    /// The kind of problem in a few words, the same at every occurrence.
    pub title: String,
    /// The HTTP status code.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
    /// The path of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub instance: Option<String>,
    /// Each place in the request that was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
}

/// One place in a request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    /// Where: a JSON pointer into the body, or `/name` for a parameter of the query.
    #[schema(example = "/lines/0/quantity")]
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// A problem of the kind `/problems/{slug}`.
    #[must_use]
    pub const fn new(status: StatusCode, slug: &'static str, title: &'static str) -> Self {
        Self { status, slug, title, detail: None, errors: Vec::new(), retry_after_s: None }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a place in the request that was refused.
    #[must_use]
    pub fn error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(Violation { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// Asks the client to wait that long before it tries again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// 400: the request cannot be parsed.
    #[must_use]
    pub const fn malformed() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be parsed")
    }

    /// 401: the caller did not say who they are.
    #[must_use]
    pub const fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Who is calling is not known")
    }

    /// 403: the caller may not do this.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The caller may not do this")
    }

    /// 403: it takes an admission, and there is none that is good for it.
    #[must_use]
    pub const fn not_admitted() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-admitted",
            "The product is in a flash sale, and it is not the caller's turn",
        )
    }

    /// 404: there is no such thing, or it belongs to somebody else.
    #[must_use]
    pub const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such resource")
    }

    /// 405: the resource has no such method; `Allow` names those it has.
    #[must_use]
    pub const fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The resource has no such method",
        )
    }

    /// 413: the body is over the limit.
    #[must_use]
    pub const fn payload_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large", "The body is too large")
    }

    /// 415: the body has a media type that is not understood.
    #[must_use]
    pub const fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The media type of the body is not understood",
        )
    }

    /// 422: understood, but invalid; add each place with [`Problem::error`].
    #[must_use]
    pub const fn invalid() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", "The request is not valid")
    }

    /// 429: too many requests; one second to wait unless [`Problem::retry_after`] says otherwise.
    #[must_use]
    pub const fn rate_limited() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", "Too many requests")
            .retry_after(RETRY_AFTER_DEFAULT_S)
    }

    /// 503: something this needs is away; one second to wait unless told otherwise.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service is not available")
            .retry_after(RETRY_AFTER_DEFAULT_S)
    }

    /// 500: our fault. What went wrong belongs in the log, not in here.
    #[must_use]
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side")
    }

    /// The problem behind a bare status that axum or a handler answered with.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::malformed(),
            401 => Self::unauthenticated(),
            403 => Self::forbidden(),
            404 => Self::not_found(),
            405 => Self::method_not_allowed(),
            413 => Self::payload_too_large(),
            415 => Self::unsupported_media_type(),
            422 => Self::invalid(),
            429 => Self::rate_limited(),
            500 => Self::internal(),
            503 => Self::unavailable(),
            _ => Self::new(status, "other", status.canonical_reason().unwrap_or("Refused")),
        }
    }

    /// The body, with the path of the request where it is known.
    #[must_use]
    pub fn body(&self, instance: Option<&str>) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.slug),
            title: self.title.into(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            instance: instance.map(Into::into),
            errors: self.errors.clone(),
        }
    }

    /// The body as bytes.
    pub(crate) fn render(&self, instance: Option<&str>) -> Vec<u8> {
        serde_json::to_vec(&self.body(instance)).expect("strings and a number are always JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.render(None)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
