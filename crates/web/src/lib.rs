//! What LMall's HTTP services share: errors, extractors, paging, the outer layer, the server, and
//! the client with which they ask each other.
//!
//! It is where `lmall-app` meets HTTP: a use case's failure becomes a [`Problem`] here and nowhere
//! else, a request's origin the trace of its events, and the values that several services send
//! or receive have their wire form here.
//!
//! # Promises
//!
//! - Every error that leaves a router made by [`finish`] is an RFC 9457 problem: those of
//!   handlers and extractors, axum's own rejections, unknown routes, wrong methods, panics and
//!   time-outs. Only what hyper cannot parse as HTTP is answered without a body (400 or 431).
//! - Every answer bears `X-Request-Id`, is counted once, and is never cached unless it says so.
//! - A failure is logged once, with its causes, when it becomes a [`Problem`].
//! - Nothing is unbounded: bodies, headers, connections, waits and a shutdown all have a limit.
//! - After the shutdown signal no connection is accepted, and what was in hand is answered.
//!
//! # It must never
//!
//! - tell a client the name of a type, a file or a dependency, nor the text of a panic;
//! - log a body, a token or a customer's id;
//! - decide: which order, payment or stock item is touched, and how, is not known here;
//! - reach into a store or any other port: it has no use case to call.

pub mod caller;
pub mod client;
pub mod context;
pub mod extract;
mod failure;
pub mod health;
pub mod layers;
pub mod metrics;
pub mod money;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod server;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod unread;

pub use caller::Caller;
pub use client::Client;
pub use context::RequestContext;
pub use extract::{
    AdmissionToken, ApiJson, ApiPath, ApiQuery, CustomerId, Guarded, IdempotencyKey, Operator,
    OperatorToken, PreferWait, RawBody,
};
pub use layers::{finish, finish_with};
pub use metrics::{Counter, Gauge, Metrics};
pub use money::Money;
pub use page::{Page, PageQuery};
pub use problem::{Problem, ProblemBody, Violation};
pub use server::{serve, shutdown_signal};
