//! The client: every header and byte as the test says, and answers taken apart.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// The operator's token of every server here.
pub(crate) const OPERATOR_TOKEN: &str = "operator-token-of-the-tests";

/// The longest time for an answer: a wait of 10 s, and a slow machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A request before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { method, path: path.into(), headers, body }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Adds a header; one of the same name stays.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.append(name, value);
        self
    }

    pub(crate) fn headers<'h>(self, all: impl IntoIterator<Item = (&'h str, String)>) -> Self {
        all.into_iter().fold(self, |call, (name, value)| call.header(name, value))
    }

    pub(crate) fn customer(self, id: &str) -> Self {
        self.header("x-customer-id", id)
    }

    pub(crate) fn operator(self) -> Self {
        self.header("x-operator-token", OPERATOR_TOKEN)
    }

    pub(crate) fn wait(self, seconds: u32) -> Self {
        self.header("prefer", format!("wait={seconds}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.json_text(body.to_string())
    }

    pub(crate) fn json_text(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A server's HTTP interface.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    pub(crate) fn new(base: String) -> Self {
        Self { base, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Sends a call; a failing connection fails the test.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let name = call.name();
        self.try_send(call).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Sends a call to a server that may be going away.
    pub(crate) async fn try_send(&self, call: Call) -> Result<Answer, String> {
        let name = call.name();
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.base, call.path))
            .body(Full::new(call.body))
            .expect("a request that can be sent");
        *request.headers_mut() = call.headers;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| error.to_string())?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer { name, status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let answered = tokio::time::timeout(ANSWER_WITHIN, exchange).await;
        answered.unwrap_or_else(|_| Err(format!("no answer after {ANSWER_WITHIN:?}")))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    name: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The value of a header, which must be there once at most; empty if it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let count = self.headers.get_all(name).iter().count();
        assert!(count < 2, "{name} is there {count} times: {self:?}");
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an answer that must have this status.
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.name, self.text());
        assert_eq!(self.header("content-type"), "application/json", "{}", self.name);
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The problem that must have this status and kind, with all that every problem has.
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.name, self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.name);
        let problem: Value = serde_json::from_slice(&self.body).expect("a JSON body");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{}: {problem}", self.name);
        assert_eq!(problem["status"], status, "{}: {problem}", self.name);
        let title = problem["title"].as_str().expect("a title");
        assert!(!title.is_empty(), "{}: {problem}", self.name);
        let path = self.name.split([' ', '?']).nth(1).expect("a path");
        assert_eq!(problem["instance"], path, "{problem}");
        assert_ne!(self.header("x-request-id"), "", "{}", self.name);
        problem
    }

    /// Where a 422 says that the request is wrong.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let problem = self.problem(422, "validation");
        let errors = problem["errors"].as_array().expect("a list of errors");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        assert!(errors.iter().all(|error| !text(&error["detail"]).is_empty()), "{problem}");
        errors.iter().map(|error| text(&error["pointer"])).collect()
    }
}
