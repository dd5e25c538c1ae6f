//! One transaction, as a value.

use lmall_domain::{Timestamp, limits};

use crate::{
    outbox::OutboxRow,
    ports::{Key, NewRow},
};

/// What it means that a write's condition did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The row has another version than the one decided on: load and decide again.
    Stale,
    /// The message or request took effect before.
    AlreadyHandled,
    /// There is not enough stock.
    OutOfStock,
}

/// One conditional write, or a condition alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// If the row is absent.
    Insert(NewRow),
    /// If the row has this version.
    Replace(NewRow, u64),
    /// If the row exists and no counter of its body falls below zero: adds each delta to the
    /// member of that name. The body is a flat JSON object of whole numbers.
    Adjust(Key, Vec<(&'static str, i64)>),
    /// If the row has this version.
    Delete(Key, u64),
    /// Nothing is written; but none of the transaction is, unless the row is absent.
    Absent(Key),
}

impl Write {
    /// The row that it is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Insert(row) | Self::Replace(row, _) => &row.key,
            Self::Adjust(key, _) | Self::Delete(key, _) | Self::Absent(key) => key,
        }
    }
}

/// One transaction: the writes, each with what its refusal means, and at most one event.
///
/// When several conditions do not hold, the first write's refusal is the answer; so the dedupe
/// row comes first, then what it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changeset {
    writes: Vec<(Write, Refusal)>,
    outbox: Option<OutboxRow>,
}

// The outbox row is a write too, and nothing but the rows and the token is in a transaction.
const _: () = assert!(limits::ALLOCATIONS_MAX + 3 <= limits::TRANSACTION_WRITES_MAX);

impl Changeset {
    /// A transaction without writes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a write whose refusal means `refusal`.
    ///
    /// # Panics
    /// When the row is in it already, or there would be more writes than a transaction takes:
    /// the limits of the domain rule both out.
    #[must_use]
    pub fn with(mut self, write: Write, refusal: Refusal) -> Self {
        assert!(self.writes.len() + 1 < limits::TRANSACTION_WRITES_MAX, "too many writes");
        debug_assert!(
            self.writes.iter().all(|(other, _)| other.key() != write.key()),
            "a transaction touches a row once"
        );
        self.writes.push((write, refusal));
        self
    }

    /// Adds the insertion of a row; that it exists means `refusal`.
    #[must_use]
    pub fn insert(self, row: NewRow, refusal: Refusal) -> Self {
        self.with(Write::Insert(row), refusal)
    }

    /// Adds an insertion for version 0, a replacement of that version otherwise.
    #[must_use]
    pub fn put(self, row: NewRow, version: u64) -> Self {
        let write = if version == 0 { Write::Insert(row) } else { Write::Replace(row, version) };
        self.with(write, Refusal::Stale)
    }

    /// Sets the event. There can be one only, since nothing may depend on the order of rows
    /// inside one transaction.
    #[must_use]
    pub fn event(mut self, outbox: Option<OutboxRow>) -> Self {
        debug_assert!(self.outbox.is_none() || outbox.is_none(), "one event a transaction");
        self.outbox = self.outbox.or(outbox);
        self
    }

    /// The writes, in order, each with what its refusal means.
    #[must_use]
    pub fn writes(&self) -> &[(Write, Refusal)] {
        &self.writes
    }

    /// The event.
    #[must_use]
    pub fn outbox(&self) -> Option<&OutboxRow> {
        self.outbox.as_ref()
    }

    /// Whether it writes nothing, not even an event: such a one is never committed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.outbox.is_none()
    }

    /// The parts, for an adapter to carry out.
    #[must_use]
    pub fn into_parts(self) -> (Vec<(Write, Refusal)>, Option<OutboxRow>) {
        (self.writes, self.outbox)
    }
}

/// The retention of a dedupe row: longer than queue retention (14 days), dead-letter retention
/// (14 days) and a late manual replay together.
const DEDUPE_DAYS: u64 = 60;

/// When a dedupe row written at `now` may be deleted.
#[must_use]
pub fn dedupe_expiry(now: Timestamp) -> Timestamp {
    now.after(std::time::Duration::from_secs(DEDUPE_DAYS * 86_400))
}
