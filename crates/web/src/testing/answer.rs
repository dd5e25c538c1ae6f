//! Calls on a router, and their answers taken apart.

use std::convert::Infallible;

use axum::{Router, body::Body};
use http::{HeaderMap, Request, request::Builder};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::problem::{CONTENT_TYPE, ProblemBody};

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

/// A request, its body, and the status, kind and first pointer of the problem that answers it.
pub type Refusal = (Builder, &'static str, u16, &'static str, &'static str);

impl Answer {
    /// The one value of a header, or nothing.
    ///
    /// # Panics
    ///
    /// If the header is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        assert!(self.headers.get_all(name).iter().count() < 2, "{name} twice in {self:?}");
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// The problem in the body, which must agree with the status.
    ///
    /// # Panics
    ///
    /// If the body is no problem, or one of another status.
    #[must_use]
    pub fn problem(&self) -> ProblemBody {
        assert_eq!(self.header("content-type"), CONTENT_TYPE, "{self:?}");
        let body: ProblemBody = serde_json::from_str(&self.text).expect("a problem");
        assert_eq!(body.status, self.status);
        body
    }
}

/// Sends one request to a router.
///
/// # Panics
///
/// If the answer is not text.
pub async fn call(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    let text = String::from_utf8(bytes.into()).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

/// Sends each request, and compares its answer.
///
/// # Panics
///
/// If an answer is another one.
pub async fn check_refusals(router: &Router, rows: Vec<Refusal>) {
    for (request, body, status, kind, pointer) in rows {
        let shown = format!("{request:?} {body}");
        let request = request.body(Body::from(body)).expect("a valid request");
        let answer = call(router.clone(), request).await;
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
        let problem = answer.problem();
        assert_eq!(problem.kind, format!("/problems/{kind}"), "{shown}");
        let found = problem.errors.first().map_or("", |violation| &violation.pointer);
        assert_eq!(found, pointer, "{shown}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{shown}");
    }
}

/// The request, announcing a JSON body.
#[must_use]
pub fn json(request: Builder) -> Builder {
    request.header("content-type", "application/json")
}
