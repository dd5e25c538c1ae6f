//! `Prefer: wait=N`: answering later, with more to say.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// Says that the wish to wait was honored, and for how long at most.
pub(super) fn preference_applied(wait: Option<Duration>) -> Option<[(HeaderName, HeaderValue); 1]> {
    let name = HeaderName::from_static("preference-applied");
    let value = HeaderValue::try_from(format!("wait={}", wait?.as_secs())).ok()?;
    Some([(name, value)])
}
