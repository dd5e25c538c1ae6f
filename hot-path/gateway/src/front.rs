//! What every answer says to browsers, and whose pages may read it.

use std::{str::FromStr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// What pages of other origins may send.
const ALLOWED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const ALLOWED_HEADERS: &str = "authorization, content-type, if-match, if-none-match, \
    idempotency-key, prefer, traceparent, x-admission-token, x-request-id";

/// What they may read beside the body.
const EXPOSED_HEADERS: &str = "etag, idempotent-replayed, location, ratelimit-limit, \
    ratelimit-remaining, ratelimit-reset, retry-after, www-authenticate, x-request-id";

/// How long a browser may remember that, in seconds.
const PREFLIGHT_AGE_SECS: &str = "600";

/// A year, as is usual: browsers that were here once come by HTTPS alone.
const HSTS: &str = "max-age=31536000";

/// Nothing of ours is a page: it loads nothing and is in no frame.
const CSP: &str = "default-src 'none'; frame-ancestors 'none'";

/// Origins whose pages may call, separated by commas, such as `https://shop.example`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

/// Origins that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin such as https://shop.example")]
pub struct BadOrigin(String);

/// What the front knows.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) origins: Origins,
    /// Whether TLS ends before us.
    pub(crate) hsts: bool,
}

impl FromStr for Origins {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let read = |origin: &str| {
            let bad = || BadOrigin(origin.escape_debug().to_string());
            let (scheme, host) = origin.split_once("://").ok_or_else(bad)?;
            let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
            if !matches!(scheme, "http" | "https") || host.is_empty() || !plain {
                return Err(bad());
            }
            HeaderValue::from_str(origin).map_err(|_| bad())
        };
        origins.map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl Front {
    fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.0.contains(origin)
    }

    /// Whether it asks on behalf of a page what that may send.
    fn is_preflight(&self, request: &Request) -> bool {
        !self.origins.0.is_empty()
            && request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    fn dress(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        let mut unless_there = |name: HeaderName, value: &'static str| {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        };
        unless_there(header::CONTENT_SECURITY_POLICY, CSP);
        unless_there(header::REFERRER_POLICY, "no-referrer");
        if self.hsts {
            unless_there(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        if self.origins.0.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(|origin| self.allows(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

/// Answers what browsers ask before they send: within the outer layer, so that it is counted and
/// bears a request id like every answer.
pub(crate) async fn preflight(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    if !front.is_preflight(&request) {
        return next.run(request).await;
    }
    let allowed = request.headers().get(header::ORIGIN).is_some_and(|it| front.allows(it));
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE_SECS),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Adds what every answer has; outermost, so that problems have it, too.
pub(crate) async fn dress(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    front.dress(response.headers_mut(), origin.as_ref());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let read = |text: &str| text.parse::<Origins>().map(|origins| origins.0.len());
        assert_eq!(read(""), Ok(0));
        assert_eq!(read("https://shop.example, http://localhost:3000"), Ok(2));
        for bad in ["*", "null", "shop.example", "https://", "https://a/b", "ftp://a"] {
            assert_eq!(read(bad), Err(BadOrigin(bad.to_owned())));
        }
    }
}
