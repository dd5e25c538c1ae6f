//! The front door: one address for all services.
//!
//! # Promises
//!
//! - A request reaches the service whose path it has, body and all, byte for byte, so that what a
//!   provider signed is what is verified; the answer comes back the same way; both are streamed
//!   and neither is kept.
//! - A service is told who calls by this crate alone: what clients say of themselves is taken
//!   away, however it is spelled, and replaced by what a valid access token proves.
//! - A service that is away, too slow or overrun is a problem with `Retry-After` and never a
//!   hanging client; one that has not answered for a while is left alone.
//! - Nobody asks more often than the limits say.
//!
//! # It must never
//!
//! - change a body, or look into what it carries;
//! - send a request twice that is not safe to repeat, or any twice of which something was
//!   answered;
//! - log a token, an address or a customer.
//!
//! To add a route: a row in `ROUTES`, and its service in [`Service`] and [`Upstreams`].

mod address;
mod counters;
mod edge;
mod forward;
mod front;
mod headers;
pub mod identity;
mod limits;
mod options;
mod routes;
mod service;
mod trace;
mod upstream;
pub mod waiting;

use std::time::Duration;

pub use front::{BadOrigin, Origins};
pub use identity::{Identity, Verifier};
pub use limits::{BadLimits, Limits};
pub use options::{ISSUER_DEFAULT, IdentityMode, Options};
pub use routes::{Gateway, Settings, Upstreams};
pub use service::{Class, Service};
pub use upstream::{BREAKER, Bounds, Target};

/// The route that may take as long as an operator waits: it reads everything.
const SLOW_ROUTE: &str = "/v1/ops/audit";

/// The longest time for the head of an answer: twice the longest `Prefer: wait`, and less than
/// a service takes before it gives up.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The same, of the slow route.
const SLOW_TIMEOUT: Duration = Duration::from_secs(600);

const _: () = assert!(
    ANSWER_TIMEOUT.as_secs() >= 2 * lmall_web::extract::PREFER_WAIT_MAX.as_secs()
        && ANSWER_TIMEOUT.as_secs() < lmall_web::layers::REQUEST_TIMEOUT.as_secs()
);

/// What is served at `/openapi.json`: the whole of it, as `lmall` says it.
const DOCUMENT: &str = include_str!("../../../docs/openapi/lmall.json");
