//! Which sort keys a query asks for. DynamoDB takes one condition on them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// Sorts after every key, since no key has this character.
const END: char = char::MAX;

/// Some sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Range {
    /// None: there is nothing to ask.
    Nothing,
    All,
    /// Those that begin so.
    Prefix(String),
    /// Those greater than this one.
    Past(String),
    /// Those less than this one.
    Below(String),
    /// Those up to this one and including it.
    UpTo(String),
    /// Those from one to the other, both included.
    Between(String, String),
    /// The same, and the greater bound is not wanted.
    BetweenBut(String, String),
}

impl Range {
    /// Sort keys with a prefix, past `after` in the direction of the query.
    pub(super) fn of_prefix(prefix: &str, after: Option<&str>, descending: bool) -> Self {
        let Some(after) = after else {
            return if prefix.is_empty() { Self::All } else { Self::Prefix(prefix.to_owned()) };
        };
        if prefix.is_empty() {
            return Self::past(after, descending);
        }
        let end = format!("{prefix}{END}");
        if descending {
            if after <= prefix {
                Self::Nothing
            } else if after > end.as_str() {
                Self::Prefix(prefix.to_owned())
            } else {
                Self::BetweenBut(prefix.to_owned(), after.to_owned())
            }
        } else if after < prefix {
            Self::Prefix(prefix.to_owned())
        } else if after >= end.as_str() {
            Self::Nothing
        } else {
            Self::Between(successor(after), end)
        }
    }

    /// Sort keys up to `until`, past `after` in the direction of the query.
    pub(super) fn until(until: Option<&str>, after: Option<&str>, descending: bool) -> Self {
        let up_to = |until: &str| {
            if until.is_empty() { Self::Nothing } else { Self::UpTo(until.to_owned()) }
        };
        match (after, until) {
            (None, None) => Self::All,
            (Some(after), None) => Self::past(after, descending),
            (None, Some(until)) => up_to(until),
            (Some(after), Some(until)) if descending => {
                if after <= until {
                    Self::past(after, descending)
                } else {
                    up_to(until)
                }
            }
            (Some(after), Some(until)) => {
                if after < until {
                    Self::Between(successor(after), until.to_owned())
                } else {
                    Self::Nothing
                }
            }
        }
    }

    /// DynamoDB refuses to compare with an empty key, since there is none.
    fn past(after: &str, descending: bool) -> Self {
        match (after.is_empty(), descending) {
            (true, true) => Self::Nothing,
            (true, false) => Self::All,
            (false, true) => Self::Below(after.to_owned()),
            (false, false) => Self::Past(after.to_owned()),
        }
    }

    /// The sort key that the condition lets through, and the query does not want: the first one
    /// of a descending query.
    pub(super) fn unwanted(&self) -> Option<&str> {
        match self {
            Self::BetweenBut(_, greatest) => Some(greatest),
            Self::Nothing
            | Self::All
            | Self::Prefix(_)
            | Self::Past(_)
            | Self::Below(_)
            | Self::UpTo(_)
            | Self::Between(..) => None,
        }
    }

    /// The key condition of a partition and these sort keys, and its values; `None` when there
    /// is nothing to ask.
    pub(super) fn condition(
        &self,
        (partition_name, sort_name): (&str, &str),
        partition: &str,
    ) -> Option<(String, HashMap<String, AttributeValue>)> {
        let (sort, first, second) = match self {
            Self::Nothing => return None,
            Self::All => (String::new(), None, None),
            Self::Prefix(prefix) => {
                (format!(" AND begins_with({sort_name}, :a)"), Some(prefix), None)
            }
            Self::Past(sort) => (format!(" AND {sort_name} > :a"), Some(sort), None),
            Self::Below(sort) => (format!(" AND {sort_name} < :a"), Some(sort), None),
            Self::UpTo(sort) => (format!(" AND {sort_name} <= :a"), Some(sort), None),
            Self::Between(from, to) | Self::BetweenBut(from, to) => {
                (format!(" AND {sort_name} BETWEEN :a AND :b"), Some(from), Some(to))
            }
        };
        let value =
            |(name, text): (&str, &str)| (name.to_owned(), AttributeValue::S(text.to_owned()));
        let first = first.map(|text| (":a", text.as_str()));
        let second = second.map(|text| (":b", text.as_str()));
        let values = [Some((":p", partition)), first, second];
        let values = values.into_iter().flatten().map(value).collect();
        Some((format!("{partition_name} = :p{sort}"), values))
    }
}

/// The least text that sorts after this one.
fn successor(text: &str) -> String {
    format!("{text}\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SORTS: [&str; 9] = ["a", "a#", "a#1", "a#2", "a#\u{e9}", "a$", "b", "b#", "c"];

    fn lets_through(range: &Range, sort: &str) -> bool {
        match range {
            Range::Nothing => false,
            Range::All => true,
            Range::Prefix(prefix) => sort.starts_with(prefix.as_str()),
            Range::Past(bound) => sort > bound.as_str(),
            Range::Below(bound) => sort < bound.as_str(),
            Range::UpTo(bound) => sort <= bound.as_str(),
            Range::Between(from, to) | Range::BetweenBut(from, to) => {
                assert!(from <= to, "DynamoDB refuses bounds in the wrong order");
                (from.as_str()..=to.as_str()).contains(&sort) && range.unwanted() != Some(sort)
            }
        }
    }

    fn is_past(sort: &str, after: Option<&str>, descending: bool) -> bool {
        after.is_none_or(|after| if descending { sort < after } else { sort > after })
    }

    fn check(range: &Range, wanted: impl Fn(&str) -> bool, label: &str) {
        for sort in SORTS {
            assert_eq!(lets_through(range, sort), wanted(sort), "{label}: {sort} in {range:?}");
        }
        let bounds = range.condition(("pk", "sk"), "p").map(|(_, values)| values);
        let is_empty = |value: &AttributeValue| value.as_s().is_ok_and(String::is_empty);
        assert!(!bounds.is_some_and(|values| values.values().any(is_empty)), "{label}");
    }

    #[test]
    fn a_range_is_what_the_query_says() {
        let bounds = SORTS.into_iter().chain(["", "0", "a#0", "bb", "z"]);
        let bounds: Vec<_> = bounds.map(Some).chain([None]).collect();
        for descending in [false, true] {
            for after in bounds.iter().copied() {
                for prefix in ["", "a", "a#", "b", "d"] {
                    let range = Range::of_prefix(prefix, after, descending);
                    let label = format!("{prefix:?} {after:?} {descending}");
                    let wanted =
                        |sort: &str| sort.starts_with(prefix) && is_past(sort, after, descending);
                    check(&range, wanted, &label);
                }
                for until in bounds.iter().copied() {
                    let range = Range::until(until, after, descending);
                    let label = format!("until {until:?} {after:?} {descending}");
                    let wanted = |sort: &str| {
                        until.is_none_or(|until| sort <= until) && is_past(sort, after, descending)
                    };
                    check(&range, wanted, &label);
                }
            }
        }
    }
}
