//! Bodies that are counters.

use std::{borrow::Cow, collections::BTreeMap};

/// What becomes of counters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Adjusted {
    /// The new body.
    Body(Vec<u8>),
    /// One of them would be negative.
    TooFew,
    /// The body is not an object of whole numbers, or one of them would not fit.
    Impossible(&'static str),
}

/// Adds each delta to the member of that name; a member that is absent counts as 0.
pub(super) fn adjust(body: &[u8], deltas: &[(&'static str, i64)]) -> Adjusted {
    let Ok(mut counters) = serde_json::from_slice::<BTreeMap<Cow<'_, str>, i64>>(body) else {
        return Adjusted::Impossible("the row is not an object of whole numbers");
    };
    for (name, delta) in deltas {
        let counter = counters.entry(Cow::Borrowed(name)).or_default();
        match counter.checked_add(*delta) {
            Some(sum) => *counter = sum,
            None => return Adjusted::Impossible("a counter does not fit"),
        }
    }
    if counters.values().any(|counter| *counter < 0) {
        return Adjusted::TooFew;
    }
    Adjusted::Body(serde_json::to_vec(&counters).expect("strings and numbers have a JSON form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_to_and_never_negative() {
        let body = |text: &str| Adjusted::Body(text.as_bytes().to_vec());
        for (before, deltas, after) in [
            (r#"{"a":1}"#, &[("a", -1)][..], body(r#"{"a":0}"#)),
            (r#"{"a":1}"#, &[("a", -1), ("b", 2)], body(r#"{"a":0,"b":2}"#)),
            (r#"{"a":1}"#, &[("a", -2)], Adjusted::TooFew),
            (r#"{"a":1}"#, &[("b", -1)], Adjusted::TooFew),
            (
                r#"{"a":9223372036854775807}"#,
                &[("a", 1)],
                Adjusted::Impossible("a counter does not fit"),
            ),
            (
                r#"{"a":"1"}"#,
                &[("a", 1)],
                Adjusted::Impossible("the row is not an object of whole numbers"),
            ),
        ] {
            assert_eq!(adjust(before.as_bytes(), deltas), after, "{before} {deltas:?}");
        }
    }
}
