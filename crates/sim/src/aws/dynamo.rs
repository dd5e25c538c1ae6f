//! DynamoDB: tables, transactions, sparse secondary indexes, and expiry.
//!
//! A table is read as it is; an index shows a change when it has arrived there. What is left to
//! AWS, such as how long that takes, is an argument.

mod check;
mod index;
mod rows;
mod span;
mod token;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use lmall_app::{
    Changeset, OutboxRow, Refusal, Write,
    ports::{Index, IndexQuery, Item, Key, Page, Query, Table},
};
use lmall_domain::Timestamp;

pub(crate) use self::rows::position;
use self::{
    index::Indexes,
    rows::{Row, Rows},
    token::Tokens,
};
pub use self::{rows::RowView, token::Token};

/// A row past its expiry is gone after this long at the latest.
pub const TTL_DELAY_MAX: Duration = Duration::from_secs(48 * 3_600);

/// What one transaction, or the end of a row's time, did to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row.
    pub key: Key,
    /// What it was; `None` when it was not there.
    pub before: Option<Item>,
    /// What it is; `None` when it is gone.
    pub after: Option<Item>,
}

/// A transaction that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What it changed, in the order of its writes, the outbox row last.
    pub changes: Vec<Change>,
    /// It had succeeded before: its token said so, and nothing was changed.
    pub by_token: bool,
}

/// A transaction of which nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactError {
    /// A condition did not hold: what the first such write said it means.
    Refused(Refusal),
    /// It makes no sense, now or later.
    Invalid(&'static str),
}

/// How long a change takes to an index.
pub type Lags<'a> = &'a mut dyn FnMut(Index) -> Duration;

/// All tables, their indexes, and the tokens of requests.
pub struct Dynamo {
    start: Timestamp,
    tables: [Rows; Table::ALL.len()],
    indexes: Indexes,
    tokens: Tokens,
    expiries: BTreeSet<(Timestamp, Key)>,
}

impl Dynamo {
    /// Empty tables. `start` is the true time when `now` is zero.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            tables: Table::ALL.map(Rows::new),
            indexes: Indexes::default(),
            tokens: Tokens::default(),
            expiries: BTreeSet::new(),
        }
    }

    /// `TransactWriteItems`: checks every condition, then writes everything, or nothing. `lags`
    /// is asked for each index that a changed row is or was in.
    ///
    /// # Errors
    /// [`TransactError`]; nothing was written, and the token is not remembered.
    pub fn transact(
        &mut self,
        now: Duration,
        changeset: &Changeset,
        token: Token,
        lags: Lags<'_>,
    ) -> Result<Applied, TransactError> {
        let outbox = changeset.outbox().map(|row| Write::Insert(row.pending()));
        let outbox = outbox.iter().map(|write| (write, Refusal::Stale));
        let writes = changeset.writes().iter().map(|(write, refusal)| (write, *refusal));
        let writes: Vec<_> = writes.chain(outbox).collect();
        check::request(&writes).map_err(TransactError::Invalid)?;
        if self.tokens.succeeded(now, token) {
            return Ok(Applied { changes: Vec::new(), by_token: true });
        }
        let mut steps = Vec::with_capacity(writes.len());
        for (write, refusal) in writes {
            let current = self.table(write.key().table).get(write.key());
            steps.push((write.key(), check::condition(write, refusal, current)?));
        }
        self.tokens.remember(now, token);
        self.indexes.settle(now);
        let changes = steps.into_iter().map(|(key, row)| self.put(now, key, row, lags)).collect();
        Ok(Applied { changes, by_token: false })
    }

    /// Deletes rows past their expiry: those that `pick` says, and all that have been for
    /// [`TTL_DELAY_MAX`].
    pub fn expire(
        &mut self,
        now: Duration,
        lags: Lags<'_>,
        pick: &mut dyn FnMut(&Key) -> bool,
    ) -> Vec<Change> {
        let time = self.start.after(now);
        let due = self.expiries.iter().take_while(|(expires_at, _)| *expires_at <= time);
        let picked = due.filter(|(at, key)| time.since(*at) >= TTL_DELAY_MAX || pick(key));
        let picked: Vec<Key> = picked.map(|(_, key)| key.clone()).collect();
        self.indexes.settle(now);
        picked.iter().map(|key| self.put(now, key, None, lags)).collect()
    }

    /// Puts the row in the place of what is there.
    fn put(&mut self, now: Duration, key: &Key, row: Option<Row>, lags: Lags<'_>) -> Change {
        let item = |row: &Row| row.item(key.clone());
        let after = row.as_ref().map(item);
        let (enter, expires_at) =
            row.as_ref().map_or((Vec::new(), None), |row| (row.indexes.clone(), row.expires_at));
        let was = self.tables[position(key.table)].replace(key, row);
        let before = was.as_ref().map(item);
        let (leave, expired_at) =
            was.map_or((Vec::new(), None), |row| (row.indexes, row.expires_at));
        if expires_at != expired_at {
            self.expiries.extend(expires_at.map(|time| (time, key.clone())));
            if let Some(time) = expired_at {
                self.expiries.remove(&(time, key.clone()));
            }
        }
        if !enter.is_empty() || !leave.is_empty() {
            self.indexes.change(now, key, &leave, &enter, after.as_ref(), lags);
        }
        Change { key: key.clone(), before, after }
    }

    /// The row, strongly consistent.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Item> {
        self.row(key).map(RowView::item)
    }

    /// Rows of a partition, strongly consistent.
    #[must_use]
    pub fn query(&self, query: &Query) -> Page {
        self.table(query.table).query(query)
    }

    /// Rows of an index, as far as changes have arrived there.
    pub fn query_index(&mut self, now: Duration, query: &IndexQuery) -> Page {
        self.indexes.settle(now);
        self.indexes.query(query)
    }

    /// The rows after `after` in key order, at most `limit`.
    #[must_use]
    pub fn scan(&self, table: Table, after: Option<&Key>, limit: usize) -> Vec<Item> {
        self.table(table).after(after).take(limit).map(RowView::item).collect()
    }

    /// The row, for those who check.
    #[must_use]
    pub fn row(&self, key: &Key) -> Option<RowView<'_>> {
        self.table(key.table).view(key)
    }

    /// The rows of a partition, by sort key, for those who check.
    pub fn partition<'a>(
        &'a self,
        table: Table,
        partition: &str,
    ) -> impl Iterator<Item = RowView<'a>> + use<'a> {
        self.table(table).partition(partition)
    }

    /// The rows of a table, in key order, for those who check.
    pub fn rows(&self, table: Table) -> impl Iterator<Item = RowView<'_>> {
        self.table(table).after(None)
    }

    /// Changes that have not arrived at an index.
    #[must_use]
    pub fn pending_index_updates(&self, now: Duration) -> usize {
        self.indexes.pending(now)
    }

    fn table(&self, table: Table) -> &Rows {
        &self.tables[position(table)]
    }
}

/// The outbox row that was inserted, when it is one: what a relay asks of a change.
#[must_use]
pub fn outbox_row(key: &Key, body: &[u8]) -> Option<OutboxRow> {
    if !key.sort.starts_with(OutboxRow::SORT_PREFIX) {
        return None;
    }
    let (row, is_pending) = OutboxRow::from_body(body).ok()?;
    is_pending.then_some(row)
}
