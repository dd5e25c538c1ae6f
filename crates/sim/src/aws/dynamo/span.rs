//! Where a query begins and ends, and the page that it gives.

use std::{
    collections::{BTreeMap, btree_map::Range},
    ops::Bound,
};

use lmall_app::ports::{Item, Page};

/// Sort keys from one to another.
pub(super) struct Span<'a> {
    pub(super) from: Bound<&'a str>,
    pub(super) to: Bound<&'a str>,
}

impl<'a> Span<'a> {
    /// Only what is past `after`, in the direction of the query.
    pub(super) fn past(self, after: Option<&'a str>, descending: bool) -> Self {
        let Some(after) = after else { return self };
        let Self { from, to } = self;
        if descending {
            let ends_before = match to {
                Bound::Included(end) | Bound::Excluded(end) => end < after,
                Bound::Unbounded => false,
            };
            Self { from, to: if ends_before { to } else { Bound::Excluded(after) } }
        } else {
            let begins_past = match from {
                Bound::Included(start) | Bound::Excluded(start) => start > after,
                Bound::Unbounded => false,
            };
            Self { from: if begins_past { from } else { Bound::Excluded(after) }, to }
        }
    }

    fn is_empty(&self) -> bool {
        match (self.from, self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
            | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        }
    }

    /// What is there; `None` when nothing can be.
    pub(super) fn of<'m, V>(&self, map: &'m BTreeMap<String, V>) -> Option<Range<'m, String, V>> {
        (!self.is_empty()).then(|| map.range::<str, _>((self.from, self.to)))
    }
}

/// The least text that is greater than all that begin with `prefix`; `None` when there is none.
pub(super) fn past_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            return Some(chars.into_iter().chain([next]).collect());
        }
    }
    None
}

/// The first `limit` of what was found.
pub(super) fn page<'a, V>(
    found: impl Iterator<Item = (&'a str, V)>,
    limit: usize,
    item: impl Fn(&'a str, V) -> Item,
) -> Page {
    let mut found = found;
    let mut last = None;
    let mut items = Vec::new();
    for (sort, value) in found.by_ref().take(limit) {
        last = Some(sort);
        items.push(item(sort, value));
    }
    let is_more = last.is_some() && found.next().is_some();
    Page { items, next: last.filter(|_| is_more).map(str::to_owned) }
}
