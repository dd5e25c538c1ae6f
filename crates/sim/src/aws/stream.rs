//! The change stream of one DynamoDB table.
//!
//! A record for each changed item, in shards by partition key. A position in a shard is kept by
//! who reads it, so a record is read again by who goes back, until it is a day old.

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use lmall_app::{
    OutboxRow,
    ports::{Item, Key},
};

use super::{
    dynamo::{Change, outbox_row},
    hash::Fnv,
};

/// Shards of a stream: more than one, so that a reader cannot count on an order among all.
pub const SHARDS: usize = 2;

/// A record is kept for this long.
pub const RETENTION: Duration = Duration::from_secs(24 * 3_600);

/// A record may come before others that are at most so old.
const OVERTAKES: Duration = Duration::from_secs(1);

/// And only so many of them.
const OVERTAKEN_MAX: usize = 32;

/// Which records keep the order of their changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Those of one item: all that DynamoDB promises.
    OfItem,
    /// Those of one partition key, but for those of one transaction, which have none: what is
    /// seen where a partition key lies in one shard.
    OfPartition,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was not there.
    Insert,
    /// It has another content.
    Modify,
    /// It is gone.
    Remove,
}

/// One change of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The item.
    pub key: Key,
    /// What happened to it.
    pub kind: Kind,
    /// The version that it had.
    pub before: Option<u64>,
    /// What it is now: the new image.
    pub after: Option<Item>,
    /// It was deleted since its time was over, not by a request.
    pub by_ttl: bool,
    /// When it happened.
    pub at: Duration,
    transaction: u64,
}

/// The outbox row whose insertion the record tells of: what the relay filters for.
#[must_use]
pub fn outbox_insert(record: &Record) -> Option<OutboxRow> {
    match record.kind {
        Kind::Insert => outbox_row(&record.key, &record.after.as_ref()?.body),
        Kind::Modify | Kind::Remove => None,
    }
}

/// The shard of a partition key.
#[must_use]
pub fn shard_of(partition: &str) -> usize {
    let mut hash = Fnv::new();
    hash.text(partition);
    let shards = u64::try_from(SHARDS).expect("a few");
    usize::try_from(hash.finish() % shards).expect("less than the shards")
}

#[derive(Default)]
struct Shard {
    /// The position of the oldest record.
    oldest: u64,
    /// Nobody has read from this position on, so that order is not settled there.
    unread: u64,
    records: VecDeque<Arc<Record>>,
}

/// The stream of one table.
pub struct Stream {
    order: Order,
    shards: [Shard; SHARDS],
    transactions: u64,
}

impl Stream {
    /// A stream without records.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self { order, shards: Default::default(), transactions: 0 }
    }

    /// Adds the records of one transaction's changes of this table. `choose` gives, for a number
    /// of places at the end of the shard that a record may take, the one it does, from the last.
    pub fn append<'a>(
        &mut self,
        now: Duration,
        changes: impl IntoIterator<Item = &'a Change>,
        by_ttl: bool,
        choose: &mut dyn FnMut(usize) -> usize,
    ) {
        let transaction = self.transactions;
        self.transactions += 1;
        for change in changes {
            let Some(record) = record(change, by_ttl, now, transaction) else { continue };
            let shard = &mut self.shards[shard_of(&record.key.partition)];
            let unread = shard.oldest.max(shard.unread) - shard.oldest;
            let unread = usize::try_from(unread).expect("a place in memory");
            let before = shard.records.range(unread..).rev().take(OVERTAKEN_MAX);
            let free = before
                .take_while(|other| other.at.saturating_add(OVERTAKES) > now)
                .take_while(|other| !self.order.binds(other, &record))
                .count();
            let back = if free == 0 { 0 } else { choose(free + 1).min(free) };
            shard.records.insert(shard.records.len() - back, Arc::new(record));
        }
    }

    /// The records from a position on, at most `max`, and the position after them. A position
    /// whose record is gone is that of the oldest one.
    pub fn read(&mut self, shard: usize, position: u64, max: usize) -> (Vec<Arc<Record>>, u64) {
        let shard = &mut self.shards[shard];
        let end = shard.end();
        let from = position.clamp(shard.oldest, end);
        let skip = usize::try_from(from - shard.oldest).expect("a place in memory");
        let records: Vec<_> = shard.records.range(skip..).take(max).cloned().collect();
        let next = from + u64::try_from(records.len()).expect("a count");
        shard.unread = shard.unread.max(next);
        (records, next)
    }

    /// The position of the oldest record: `TRIM_HORIZON`.
    #[must_use]
    pub fn oldest(&self, shard: usize) -> u64 {
        self.shards[shard].oldest
    }

    /// The position after the last record: `LATEST`.
    #[must_use]
    pub fn end(&self, shard: usize) -> u64 {
        self.shards[shard].end()
    }

    /// Removes what is past its retention.
    pub fn trim(&mut self, now: Duration) {
        for shard in &mut self.shards {
            while shard.records.front().is_some_and(|r| r.at.saturating_add(RETENTION) <= now) {
                shard.records.pop_front();
                shard.oldest += 1;
            }
        }
    }

    /// Removes everything, read or not: the stream was disabled and enabled again.
    pub fn lose(&mut self) {
        for shard in &mut self.shards {
            shard.oldest = shard.end();
            shard.records.clear();
        }
    }
}

impl Shard {
    fn end(&self) -> u64 {
        self.oldest + u64::try_from(self.records.len()).expect("a count")
    }
}

impl Order {
    /// Whether the later record may not come before the earlier one.
    fn binds(self, earlier: &Record, later: &Record) -> bool {
        let (one, other) = (&earlier.key, &later.key);
        match self {
            Self::OfItem => one == other,
            Self::OfPartition => {
                one == other
                    || one.partition == other.partition && earlier.transaction != later.transaction
            }
        }
    }
}

/// `None` for a change from nothing to nothing.
fn record(change: &Change, by_ttl: bool, at: Duration, transaction: u64) -> Option<Record> {
    let Change { key, before, after } = change;
    let kind = match (before, after) {
        (None, Some(_)) => Kind::Insert,
        (Some(_), Some(_)) => Kind::Modify,
        (Some(_), None) => Kind::Remove,
        (None, None) => return None,
    };
    let before = before.as_ref().map(|item| item.version);
    let (key, after) = (key.clone(), after.clone());
    Some(Record { key, kind, before, after, by_ttl, at, transaction })
}
