//! Deleting rows that have expired.
//!
//! Sweeps through each table by id, a bounded piece a call, and remembers where it was. An
//! index on the expiry would be written with each of the many rows that carry one, sixty days
//! before it is of any use; the sweep reads each row once a round, and only when called.

use lmall_app::ports::{StoreError, Table};
use lmall_domain::Timestamp;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::{SqliteStore, read_error, sql};
use crate::db::integer;

/// Rows looked at for each one that may be deleted.
const LOOKED_AT: usize = 10;

/// Where the sweep is: a table and the last id looked at.
#[derive(Default)]
pub(super) struct Sweep(Mutex<(usize, i64)>);

impl SqliteStore {
    /// Looks at some rows after those of the last call, ten times `limit` at most, and deletes
    /// those that had expired at `now`, `limit` at most. Says how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let (position, after) = *self.sweep.0.lock();
        let table = Table::ALL[position];
        let found = self
            .readers
            .with(|connection| find(connection, table, after, now, limit))
            .map_err(read_error)?;
        let Found { expired, next } = found;
        let count = expired.len();
        if count > 0 {
            let delete = move |tx: &mut crate::db::Tx<'_>| {
                expired.iter().try_for_each(|id| tx.items.delete(table, *id, Some(now)))
            };
            self.writer.call(delete).await.map_err(|failure| StoreError(Box::new(failure)))?;
        }
        *self.sweep.0.lock() = match next {
            Some(id) => (position, id),
            None => ((position + 1) % Table::ALL.len(), 0),
        };
        Ok(count)
    }
}

struct Found {
    expired: Vec<i64>,
    /// Where to go on; none at the end of the table.
    next: Option<i64>,
}

fn find(
    connection: &Connection,
    table: Table,
    after: i64,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(sql::of(table).expired)?;
    let looked_at = limit.saturating_mul(LOOKED_AT);
    let mut rows = statement.query((after, now.as_millis(), integer(looked_at)))?;
    let (mut expired, mut seen, mut last) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        (seen, last) = (seen + 1, row.get(0)?);
        if row.get::<_, Option<bool>>(1)? == Some(true) {
            expired.push(last);
        }
        if expired.len() == limit {
            return Ok(Found { expired, next: Some(last) });
        }
    }
    let next = (seen == looked_at).then_some(last);
    Ok(Found { expired, next })
}
