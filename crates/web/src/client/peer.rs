//! Another service of the shop, asked over the network.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header, request::Builder};
use http_body_util::Full;
use lmall_app::failure::Failure;
use lmall_domain::CustomerId;
use serde::Serialize;

use super::{Answer, BaseUrl, Client, Error};
use crate::{
    OperatorToken,
    extract::{X_CUSTOMER_ID, X_OPERATOR_TOKEN},
};

/// How long a service may take: a read or a write by key, and a slow moment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// A service at an address. What it asks for is small, and answered soon or not at all.
pub struct Peer {
    name: &'static str,
    base: BaseUrl,
    client: Client,
    token: Option<OperatorToken>,
}

impl Peer {
    /// The service of this name, such as `order`, at this address.
    #[must_use]
    pub fn new(name: &'static str, base: BaseUrl) -> Self {
        Self { name, base, client: Client::new(), token: None }
    }

    /// The same, asked as an operator. While the token is rotated, the other service may know
    /// another one for a minute.
    #[must_use]
    pub fn as_operator(self, token: OperatorToken) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.exchange(path, |request| request.body(Full::default())).await
    }

    /// The same, on behalf of a customer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get_as(&self, customer_id: &CustomerId, path: &str) -> Result<Answer, Failure> {
        let as_customer = |request: Builder| {
            request.header(X_CUSTOMER_ID, customer_id.as_str()).body(Full::default())
        };
        self.exchange(path, as_customer).await
    }

    /// Sends a request without a body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, method: Method, path: &str) -> Result<Answer, Failure> {
        self.exchange(path, |request| request.method(method).body(Full::default())).await
    }

    /// Sends a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Panics
    /// When the body has no JSON form, which a plain struct has.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).expect("a plain struct has a JSON form");
        let with_body = |request: Builder| {
            let request = request.method(method).header(header::CONTENT_TYPE, "application/json");
            request.body(Full::from(body))
        };
        self.exchange(path, with_body).await
    }

    /// The answer, if it has this status.
    ///
    /// # Errors
    /// When it has another one.
    pub fn expect(&self, answer: Answer, status: StatusCode) -> Result<Answer, Failure> {
        if answer.status == status { Ok(answer) } else { Err(self.unexpected(&answer)) }
    }

    /// What an answer means that was not to be expected.
    #[must_use]
    pub fn unexpected(&self, answer: &Answer) -> Failure {
        let what = format!("the {} service answered {}", self.name, answer.status);
        Failure::Unavailable(what.into())
    }

    async fn exchange(
        &self,
        path: &str,
        finish: impl FnOnce(Builder) -> Result<Request<Full<Bytes>>, http::Error>,
    ) -> Result<Answer, Failure> {
        let request = self.base.join(path).and_then(|uri| {
            let request = Request::builder().uri(uri);
            finish(match &self.token {
                Some(token) => request.header(X_OPERATOR_TOKEN, &*token.expose()),
                None => request,
            })
        });
        let request = request.map_err(Error::Unsendable)?;
        Ok(self.client.send(request, ANSWER_TIMEOUT).await?)
    }
}
