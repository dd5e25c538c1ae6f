//! The stock gate, the payment deadlines, the waiting rooms, rate limits and revoked sessions on
//! Redis, as one server or as a cluster.
//!
//! Redis is a gate, a reminder and a line, never the truth: it may forget everything at any
//! moment. A call that fails or is late is an error after at most [`ANSWER_WITHIN`], and nothing is tried
//! twice here: whether a script ran whose answer was lost is not known, and the ports say which
//! calls may be repeated.

mod connection;
mod deadlines;
mod gate;
mod holds;
mod limiter;
mod revocations;
mod rooms;
mod script;
mod url;

pub use connection::{ANSWER_WITHIN, CallError, Redis};
pub use deadlines::RedisDeadlines;
pub use gate::{HOLDS_PER_SCRIPT, RedisGate};
pub use limiter::RedisLimiter;
pub use revocations::RedisRevocations;
pub use rooms::RedisRooms;
pub use url::RedisError;
