//! `Prefer: wait=N` of RFC 7240: how long a client is willing to wait.

use std::{convert::Infallible, time::Duration};

use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};

/// The longest wait; a shutdown takes 10 s at most, so nobody may wait longer than that.
pub const PREFER_WAIT_MAX: Duration = Duration::from_secs(10);

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// How long the client would wait for a better answer, at most [`PREFER_WAIT_MAX`].
///
/// It never rejects: a preference that is not understood is, by the RFC, ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreferWait(pub Option<Duration>);

impl<S: Send + Sync> FromRequestParts<S> for PreferWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(PREFER).iter();
        Ok(Self(values.filter_map(|value| value.to_str().ok()).find_map(wait)))
    }
}

/// The first understandable `wait` in the value of one header.
fn wait(value: &str) -> Option<Duration> {
    split_unquoted(value, ',').find_map(|preference| {
        let preference = split_unquoted(preference, ';').next()?;
        let (name, word) = preference.split_once('=')?;
        let named = name.trim().eq_ignore_ascii_case("wait");
        named.then(|| seconds(unquoted(word.trim()))).flatten()
    })
}

fn seconds(word: &str) -> Option<Duration> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    // Digits that do not fit are many seconds: more than the limit anyway.
    digits.then(|| word.parse().map_or(PREFER_WAIT_MAX, Duration::from_secs).min(PREFER_WAIT_MAX))
}

fn unquoted(word: &str) -> &str {
    word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(word)
}

/// Splits where the separator stands outside a quoted string.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character: char| {
        let literal = escaped;
        escaped = quoted && !literal && character == '\\';
        if character == '"' && !literal {
            quoted = !quoted;
        }
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_understandable_wait_counts() {
        let rows = [
            ("wait=2", Some(2)),
            ("WAIT = 3", Some(3)),
            ("wait=\"4\"", Some(4)),
            ("respond-async, wait=5;foo=bar", Some(5)),
            ("x=\"a,wait=9\", wait=1", Some(1)),
            ("x=\"a\\\",wait=9\", wait=1", Some(1)),
            ("wait=1, wait=2", Some(1)),
            ("wait=two, wait=2", Some(2)),
            ("wait=0", Some(0)),
            ("wait=11", Some(10)),
            ("wait=99999999999999999999999999", Some(10)),
            ("wait=-1", None),
            ("wait=+1", None),
            ("wait=1.5", None),
            ("wait=", None),
            ("wait", None),
            ("waiting=1", None),
            ("foo;wait=1", None),
            ("x=\"unclosed, wait=1", None),
            ("", None),
        ];
        for (value, expected) in rows {
            assert_eq!(wait(value), expected.map(Duration::from_secs), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_parser(value in "[ -~]{0,80}|(wait|[=;, \"\\\\0-9]){0,20}") {
            prop_assert!(wait(&value).is_none_or(|wait| wait <= PREFER_WAIT_MAX));
        }

        #[test]
        fn whole_seconds_are_read_and_capped(wanted: u64, before in "[a-z]{1,8}(=[a-z]{1,4})?") {
            prop_assume!(!before.starts_with("wait"));
            let found = wait(&format!("{before}, wait={wanted}"));
            prop_assert_eq!(found, Some(Duration::from_secs(wanted.min(10))));
        }
    }
}
