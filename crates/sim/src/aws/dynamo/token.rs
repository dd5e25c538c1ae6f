//! Client request tokens.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use lmall_app::{
    Changeset, OutboxRow, Refusal, Write,
    ports::{IndexEntry, Key, NewRow},
};

use crate::aws::hash::Fnv;

/// A token is good for this long after the first request with it succeeded.
pub(super) const WINDOW: Duration = Duration::from_secs(600);

/// A `ClientRequestToken`: of one request, however often it is sent. Two requests of the same
/// content must have two: else the second is answered with the success of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(u64);

impl Token {
    /// The token of a request: a hash of its own number and of its content, so that a token
    /// never comes with other parameters than before.
    #[must_use]
    pub fn of(changeset: &Changeset, request: u64) -> Self {
        let mut hash = Fnv::new();
        hash.number(request);
        for (write, refusal) in changeset.writes() {
            let refusal = match refusal {
                Refusal::Stale => 0,
                Refusal::AlreadyHandled => 1,
                Refusal::OutOfStock => 2,
            };
            hash.number(refusal);
            of_write(&mut hash, write);
        }
        if let Some(row) = changeset.outbox() {
            of_outbox(&mut hash, row);
        }
        Self(hash.finish())
    }
}

fn of_write(hash: &mut Fnv, write: &Write) {
    match write {
        Write::Insert(row) => {
            hash.number(0);
            of_row(hash, row);
        }
        Write::Replace(row, version) => {
            hash.number(1);
            hash.number(*version);
            of_row(hash, row);
        }
        Write::Adjust(key, deltas) => {
            hash.number(2);
            of_key(hash, key);
            hash.count(deltas.len());
            for (name, delta) in deltas {
                hash.text(name);
                hash.number(delta.cast_unsigned());
            }
        }
        Write::Delete(key, version) => {
            hash.number(3);
            hash.number(*version);
            of_key(hash, key);
        }
        Write::Absent(key) => {
            hash.number(4);
            of_key(hash, key);
        }
    }
}

fn of_row(hash: &mut Fnv, row: &NewRow) {
    let NewRow { key, body, indexes, expires_at } = row;
    of_key(hash, key);
    hash.bytes(body);
    hash.count(indexes.len());
    for IndexEntry { index, partition, sort } in indexes {
        hash.number(super::index::number(*index));
        hash.text(partition);
        hash.text(sort);
    }
    hash.number(expires_at.map_or(u64::MAX, |time| time.as_millis().cast_unsigned()));
}

fn of_key(hash: &mut Fnv, key: &Key) {
    hash.count(super::position(key.table));
    hash.text(&key.partition);
    hash.text(&key.sort);
}

fn of_outbox(hash: &mut Fnv, row: &OutboxRow) {
    hash.text(row.event_id.as_str());
    hash.text(&row.envelope);
    hash.number(row.created_at.as_millis().cast_unsigned());
    for text in [&row.trace.correlation_id, &row.trace.traceparent] {
        hash.text(text.as_deref().unwrap_or_default());
    }
}

/// Which requests have succeeded, and when.
#[derive(Default)]
pub(super) struct Tokens {
    since: BTreeMap<Token, Duration>,
    by_age: VecDeque<(Duration, Token)>,
}

impl Tokens {
    /// Whether a request with this token succeeded within the window.
    pub(super) fn succeeded(&mut self, now: Duration, token: Token) -> bool {
        while let Some((at, oldest)) = self.by_age.front()
            && at.saturating_add(WINDOW) <= now
        {
            self.since.remove(oldest);
            self.by_age.pop_front();
        }
        self.since.contains_key(&token)
    }

    pub(super) fn remember(&mut self, now: Duration, token: Token) {
        self.since.insert(token, now);
        self.by_age.push_back((now, token));
    }
}
