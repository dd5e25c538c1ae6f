//! A small typed client of LMall's HTTP API, for the commands that talk to a server.

use std::{fmt, time::Duration};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lmall_app::ports::Clock;
use lmall_domain::Timestamp;
use lmall_payment::DEMO_PROVIDER;
use lmall_runtime::SystemClock;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use sha2::Sha256;

/// Longest time for an answer, beyond the wait that a call asks for itself.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Largest answer that is read: a page of 100 orders of 40 lines is about 1 MiB.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum Error {
    /// The base address cannot be used.
    Address(String),
    /// The call needs something that was not given.
    Missing(&'static str),
    /// A header or path cannot be sent.
    Unsendable(http::Error),
    /// No answer in time.
    TimedOut(String),
    /// No connection, or it broke.
    Transport(String, Box<dyn std::error::Error + Send + Sync>),
    /// The server said no.
    Refused(String, StatusCode, Problem),
    /// The answer is not what the contract says.
    Unreadable(String, serde_json::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(base) => write!(out, "not an http:// address: {base}"),
            Self::Missing(what) => write!(out, "no {what} given"),
            Self::Unsendable(_) => write!(out, "the request cannot be sent"),
            Self::TimedOut(call) => write!(out, "{call}: no answer in time"),
            Self::Transport(call, _) => write!(out, "{call}: no answer"),
            Self::Refused(call, status, problem) => {
                write!(out, "{call}: {} {}", status.as_u16(), problem.title)?;
                if problem.detail.is_empty() { Ok(()) } else { write!(out, ": {}", problem.detail) }
            }
            Self::Unreadable(call, _) => write!(out, "{call}: unreadable answer"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unsendable(cause) => Some(cause),
            Self::Transport(_, cause) => Some(cause.as_ref()),
            Self::Unreadable(_, cause) => Some(cause),
            Self::Address(_) | Self::Missing(_) | Self::TimedOut(_) | Self::Refused(..) => None,
        }
    }
}

/// The part of an RFC 9457 problem that people read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    title: String,
    detail: String,
}

/// Money in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Money {
    /// Minor units.
    pub(crate) amount: i64,
    /// ISO 4217 code.
    pub(crate) currency: String,
}

/// Who calls, as a customer. Without `Debug`: a token is a secret.
#[derive(Clone)]
pub(crate) enum Caller {
    /// By name alone, for servers that believe it (`--identity direct`).
    Named(String),
    /// By access token.
    Token(String),
}

/// An account, as its owner sees it.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: String,
}

/// All that is kept of a customer.
#[derive(Debug, Deserialize)]
pub(crate) struct Export {
    pub(crate) orders: Vec<Order>,
}

/// A session.
#[derive(Deserialize)]
struct Session {
    access_token: String,
}

/// Products that were found.
#[derive(Deserialize)]
struct Found {
    items: Vec<Product>,
}

#[derive(Deserialize)]
struct Product {
    sku: String,
}

/// An order as its buyer sees it.
#[derive(Debug, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) stock: String,
    pub(crate) total: Money,
    pub(crate) captured: Money,
    pub(crate) refunded: Money,
    pub(crate) pay_by: String,
}

/// The ledger's numbers of one SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Stock {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) sold: i64,
}

/// Whether a webhook was new.
#[derive(Debug, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) received: bool,
    pub(crate) duplicate: bool,
}

/// What was captured and given back for an order.
#[derive(Debug, Deserialize)]
pub(crate) struct Payment {
    pub(crate) captured: Money,
    pub(crate) refunded: Money,
}

/// Signs webhooks in the generic scheme.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer with the secret's bytes exactly as configured.
    pub(crate) fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// The value of `X-Lmall-Signature`.
    pub(crate) fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("v1={}", hex::encode(mac.finalize().into_bytes()))
    }
}

/// One request before it is sent.
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    /// Longest time for the answer.
    pub(crate) within: Duration,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path.into())
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path.into())
    }

    fn new(method: Method, path: String) -> Self {
        Self { method, path, headers: Vec::new(), body: Bytes::new(), within: CALL_TIMEOUT }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn customer(self, caller: &Caller) -> Self {
        match caller {
            Caller::Named(id) => self.header("x-customer-id", id),
            Caller::Token(token) => self.header("authorization", format!("Bearer {token}")),
        }
    }

    pub(crate) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", "application/json")
    }

    fn wait(mut self, wait_s: Option<u32>) -> Self {
        let Some(wait_s) = wait_s else { return self };
        self.within += Duration::from_secs(wait_s.into());
        self.header("prefer", format!("wait={wait_s}"))
    }
}

/// A server, and what the caller may do there.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    operator_token: Option<String>,
    provider_name: String,
    signer: Option<Signer>,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`Error::Address`] for anything but plain HTTP.
    pub(crate) fn new(
        base: &str,
        operator_token: Option<&str>,
        provider_secret: Option<&str>,
    ) -> Result<Self, Error> {
        let base = base.trim_end_matches('/');
        if base.strip_prefix("http://").is_none_or(str::is_empty) {
            return Err(Error::Address(base.to_owned()));
        }
        Ok(Self {
            base: base.to_owned(),
            operator_token: operator_token.map(str::to_owned),
            provider_name: DEMO_PROVIDER.to_owned(),
            signer: provider_secret.map(Signer::new),
            http: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Places an order of `(sku, quantity)` lines, waiting for its stock if asked to.
    pub(crate) async fn place(
        &self,
        customer: &Caller,
        lines: &[(&str, u32)],
        idempotency_key: Option<&str>,
        wait_s: Option<u32>,
    ) -> Result<Order, Error> {
        let lines: Vec<_> = lines
            .iter()
            .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
            .collect();
        let mut call = Call::post("/v1/orders").customer(customer).wait(wait_s);
        if let Some(key) = idempotency_key {
            call = call.header("idempotency-key", key);
        }
        self.answer(call.json(json!({ "lines": lines }).to_string())).await
    }

    /// Reads an order, waiting for its status to change if asked to.
    pub(crate) async fn order(
        &self,
        customer: &Caller,
        id: &str,
        wait_s: Option<u32>,
    ) -> Result<Order, Error> {
        self.answer(Call::get(format!("/v1/orders/{id}")).customer(customer).wait(wait_s)).await
    }

    /// Cancels an order.
    pub(crate) async fn cancel(&self, customer: &Caller, id: &str) -> Result<(), Error> {
        let call = Call::post(format!("/v1/orders/{id}/cancel")).customer(customer);
        self.send(call).await.map(drop)
    }

    /// Reads the ledger.
    pub(crate) async fn stock(&self, sku: &str) -> Result<Stock, Error> {
        self.answer(Call::get(format!("/v1/inventory/{sku}"))).await
    }

    /// Receives stock, once per reference.
    pub(crate) async fn receive(
        &self,
        sku: &str,
        quantity: u32,
        reference: &str,
    ) -> Result<Stock, Error> {
        let body = json!({ "quantity": quantity, "reference": reference }).to_string();
        let call = Call::post(format!("/v1/inventory/{sku}/receipts")).json(body);
        self.answer(self.as_operator(call)?).await
    }

    /// Corrects stock, once per reference.
    pub(crate) async fn adjust(
        &self,
        sku: &str,
        delta: i64,
        reason: &str,
        reference: &str,
    ) -> Result<(), Error> {
        let body = json!({ "delta": delta, "reason": reason, "reference": reference }).to_string();
        let call = Call::post(format!("/v1/inventory/{sku}/adjustments")).json(body);
        self.send(self.as_operator(call)?).await.map(drop)
    }

    /// Creates or changes a product.
    pub(crate) async fn put_product(
        &self,
        sku: &str,
        name: &str,
        price: &Money,
    ) -> Result<(), Error> {
        let body = json!({ "name": name, "price": price }).to_string();
        let call = Call::new(Method::PUT, format!("/v1/products/{sku}")).json(body);
        self.send(self.as_operator(call)?).await.map(drop)
    }

    /// The SKUs of the products that are found for these words, best first.
    pub(crate) async fn search(&self, words: &str) -> Result<Vec<String>, Error> {
        let query = form_urlencoded::byte_serialize(words.as_bytes()).collect::<String>();
        let found: Found = self.answer(Call::get(format!("/v1/search?q={query}"))).await?;
        Ok(found.items.into_iter().map(|product| product.sku).collect())
    }

    /// Registers a customer, who is sent a mail.
    pub(crate) async fn register(&self, email: &str, password: &str) -> Result<(), Error> {
        let body = json!({ "email": email, "password": password }).to_string();
        self.send(Call::post("/v1/customers").json(body)).await.map(drop)
    }

    /// Proves an address with the token from a mail.
    pub(crate) async fn verify(&self, token: &str, password: &str) -> Result<(), Error> {
        let body = json!({ "token": token, "password": password }).to_string();
        self.send(Call::post("/v1/customers/verification/confirm").json(body)).await.map(drop)
    }

    /// Begins a session.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Result<Caller, Error> {
        let body = json!({ "email": email, "password": password }).to_string();
        let session: Session = self.answer(Call::post("/v1/sessions").json(body)).await?;
        Ok(Caller::Token(session.access_token))
    }

    /// Reads the customer's account.
    pub(crate) async fn account(&self, customer: &Caller) -> Result<Account, Error> {
        self.answer(Call::get("/v1/customers/me").customer(customer)).await
    }

    /// Takes along all that is kept of the customer.
    pub(crate) async fn export(&self, customer: &Caller) -> Result<Export, Error> {
        self.answer(Call::get("/v1/customers/me/export").customer(customer)).await
    }

    /// Delivers a provider's event, signed now.
    pub(crate) async fn webhook(&self, event: &serde_json::Value) -> Result<Receipt, Error> {
        let signer = self.signer.as_ref().ok_or(Error::Missing("provider secret"))?;
        let (body, timestamp) = (event.to_string(), now().as_secs().to_string());
        let signature = signer.sign(&timestamp, body.as_bytes());
        let call = Call::post(format!("/v1/webhooks/{}", self.provider_name))
            .header("x-lmall-timestamp", timestamp)
            .header("x-lmall-signature", signature)
            .json(body);
        self.answer(call).await
    }

    /// Reads what was captured and given back for an order.
    pub(crate) async fn payment(
        &self,
        customer: &Caller,
        order_id: &str,
    ) -> Result<Payment, Error> {
        let call = Call::get(format!("/v1/payments/{order_id}")).customer(customer);
        self.answer(if self.operator_token.is_some() { self.as_operator(call)? } else { call })
            .await
    }

    /// Reads the metrics in Prometheus' text form.
    pub(crate) async fn metrics(&self) -> Result<String, Error> {
        let (_, body) = self.send(Call::get("/metrics")).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Adds the operator's token.
    pub(crate) fn as_operator(&self, call: Call) -> Result<Call, Error> {
        let token = self.operator_token.as_deref().ok_or(Error::Missing("operator token"))?;
        Ok(call.header("x-operator-token", token))
    }

    /// Sends a call and reads its answer.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let (called, body) = self.send(call).await?;
        serde_json::from_slice(&body).map_err(|cause| Error::Unreadable(called, cause))
    }

    /// Sends a call; the answer's body, and the call's name for messages.
    async fn send(&self, call: Call) -> Result<(String, Bytes), Error> {
        let path = call.path.split('?').next().unwrap_or_default();
        let called = format!("{} {path}", call.method);
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.base, call.path))
            .header("accept", "application/json");
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(call.body)).map_err(Error::Unsendable)?;
        let exchange = async {
            let response = self.http.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?;
            Ok((status, body.to_bytes()))
        };
        match tokio::time::timeout(call.within, exchange).await {
            Err(_) => Err(Error::TimedOut(called)),
            Ok(Err(cause)) => Err(Error::Transport(called, cause)),
            Ok(Ok((status, body))) if status.is_success() => Ok((called, body)),
            Ok(Ok((status, body))) => Err(Error::Refused(called, status, problem(status, &body))),
        }
    }
}

/// The present.
pub(crate) fn now() -> Timestamp {
    SystemClock::default().now()
}

/// What a refusal says, or the status' usual name where it does not speak problem+json.
fn problem(status: StatusCode, body: &[u8]) -> Problem {
    let mut problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    if problem.title.is_empty() {
        problem.title = status.canonical_reason().unwrap_or("refused").to_owned();
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_timestamp_and_body_under_the_secret_as_configured() {
        let body = br#"{"id":"evt_1","type":"payment.captured"}"#;
        let expected = "v1=adf5e9ac43410b9c75b1321cbb32de6fffe2f458c3bb94d0efc0a77ca5dcd101";
        assert_eq!(Signer::new("whsec_c2VjcmV0").sign("1768386660", body), expected);
    }

    #[test]
    fn a_refusal_is_one_line_with_status_title_and_detail() {
        let body = br#"{"title":"Out of stock","detail":"tea-01","status":409}"#;
        for (body, said) in [(&body[..], "Out of stock: tea-01"), (b"<html>", "Conflict")] {
            let status = StatusCode::CONFLICT;
            let error = Error::Refused("GET /x".to_owned(), status, problem(status, body));
            assert_eq!(error.to_string(), format!("GET /x: 409 {said}"));
        }
    }
}
