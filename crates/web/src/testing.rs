//! What the tests of HTTP services share: calls on a router, ports that never answer, and the
//! promises of an OpenAPI document.
//!
//! A service has this crate with the feature `testing` as a dev-dependency. Nothing in here is
//! for a running service, and whatever is not as it should be panics.

mod answer;
mod away;
mod document;

pub use answer::{Answer, Refusal, call, check_refusals, json};
pub use away::Away;
pub use document::{check_committed, check_routes};

/// The operator's token of the routers under test.
pub const OPERATOR_TOKEN: &str = "opensesame";
