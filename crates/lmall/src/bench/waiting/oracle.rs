//! Who was wronged, judged by nothing but when customers asked and when they were let through.

use lmall_domain::Timestamp;
use tokio::time::Instant;

/// What became of a customer.
pub(super) struct Seen {
    /// From when until when they asked for a place.
    pub(super) joined: (Instant, Instant),
    /// When they were let through.
    pub(super) admitted_at: Option<Timestamp>,
    /// They ordered.
    pub(super) won: bool,
    /// They left, or went away without a word, whether before their turn or after it.
    pub(super) abandoned: bool,
    /// They asked for a place more than once.
    pub(super) came_twice: bool,
    /// Their token was good for more than one order.
    pub(super) used_twice: bool,
}

/// How many were let through although somebody, who was there before they came, was waiting and
/// was let through later, or never.
pub(super) fn inversions(seen: &[Seen]) -> u64 {
    // Who went away before their turn was wronged by nobody.
    let waited = seen.iter().filter(|seen| seen.admitted_at.is_some() || !seen.abandoned);
    let mut waited: Vec<_> = waited.collect();
    waited.sort_unstable_by_key(|seen| seen.joined.1);
    let mut latest = Timestamp::default();
    let latest: Vec<_> = waited
        .iter()
        .map(|seen| {
            latest = latest.max(seen.admitted_at.unwrap_or(Timestamp::MAX));
            latest
        })
        .collect();
    let wronged = seen.iter().filter(|later| {
        let before = waited.partition_point(|seen| seen.joined.1 < later.joined.0);
        let latest = before.checked_sub(1).map(|last| latest[last]);
        later.admitted_at.is_some_and(|at| latest.is_some_and(|latest| latest > at))
    });
    u64::try_from(wronged.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Asked from, until, was let through at, went away; all in milliseconds.
    type Row = (u64, u64, Option<i64>, bool);

    #[test]
    fn an_inversion_is_one_who_came_later_and_was_let_through_before() {
        let rows: [(&[Row], u64); 7] = [
            (&[(0, 1, Some(10), false), (2, 3, Some(11), false)], 0),
            (&[(0, 1, Some(11), false), (2, 3, Some(10), false)], 1),
            (&[(0, 1, None, false), (2, 3, Some(10), false), (4, 5, Some(11), false)], 2),
            // Together, at the same time, or gone: none of these.
            (&[(0, 9, Some(11), false), (2, 3, Some(10), false)], 0),
            (&[(0, 1, Some(10), false), (2, 3, Some(10), false)], 0),
            (&[(0, 1, None, true), (2, 3, Some(10), false)], 0),
            (&[(0, 1, Some(11), true), (2, 3, Some(10), true)], 1),
        ];
        let start = Instant::now();
        for (customers, expected) in rows {
            let at = |ms| start + Duration::from_millis(ms);
            let seen = |row: &Row| Seen {
                joined: (at(row.0), at(row.1)),
                admitted_at: row.2.map(Timestamp::from_millis),
                won: false,
                abandoned: row.3,
                came_twice: false,
                used_twice: false,
            };
            let seen: Vec<_> = customers.iter().map(seen).collect();
            assert_eq!(inversions(&seen), expected, "{customers:?}");
        }
    }
}
