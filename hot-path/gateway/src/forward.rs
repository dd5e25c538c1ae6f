//! A request as its service gets it, and the answer as the client gets it.

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use http::{Extensions, HeaderValue, Method, header};
use http_body_util::Limited;
use lmall_web::{
    Problem, RequestContext,
    context::{TRACEPARENT, X_REQUEST_ID},
    extract::BODY_LEN_MAX,
};

use crate::{headers::strip_hop_by_hop, trace::made_traceparent, upstream::Forwarded};

/// What goes on of a request whose headers between neighbours are gone.
pub(crate) fn outgoing(context: &RequestContext, request: Request) -> Result<Forwarded, Problem> {
    let (mut parts, body) = request.into_parts();
    let limit = u64::try_from(BODY_LEN_MAX).unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit {
        return Err(Problem::payload_too_large());
    }
    parts.version = http::Version::default();
    parts.extensions = Extensions::default();
    // Whose name it is, and whether to send the body at all, is between neighbours, too.
    parts.headers.remove(header::HOST);
    parts.headers.remove(header::EXPECT);
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        parts.headers.insert(X_REQUEST_ID, id);
    }
    if context.traceparent.is_none() {
        parts.headers.insert(TRACEPARENT, made_traceparent());
        parts.headers.remove("tracestate");
    }
    let idempotent = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method);
    let repeatable = idempotent && body.is_end_stream();
    Ok(Forwarded { parts, body: Limited::new(body, BODY_LEN_MAX), repeatable })
}

/// What goes back of an answer.
pub(crate) fn returned(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    parts.version = http::Version::default();
    parts.extensions = Extensions::default();
    Response::from_parts(parts, Body::new(body))
}
