//! Carrying a changeset out: all conditions first, then all writes.
//!
//! A changeset shares its transaction with others, and there is no savepoint around it: they
//! cost more than the look-ups. So nothing may be written before everything is known to hold.

use lmall_app::{
    Changeset, Refusal, Write,
    ports::{NewRow, Table},
};
use lmall_domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{
    counters::{self, Adjusted},
    entries, sql,
};
use crate::db::{Text, integer};

/// A changeset with what can be computed outside the writer's thread.
pub(super) struct Prepared {
    pub(super) changeset: Changeset,
    pub(super) outbox: Option<NewRow>,
}

impl Prepared {
    pub(super) fn new(changeset: Changeset) -> Self {
        let outbox = changeset.outbox().map(lmall_app::OutboxRow::pending);
        Self { changeset, outbox }
    }
}

/// What the writer says to a changeset.
pub(super) enum Verdict {
    /// All of it is in the transaction.
    Applied,
    /// A condition does not hold; nothing was written.
    Refused(Refusal),
    /// It makes no sense; nothing was written.
    Impossible(&'static str),
}

/// What a write does, once its condition holds.
enum Step<'a> {
    Insert(&'a NewRow),
    Replace(i64, &'a NewRow, Option<String>),
    Adjust(i64, Table, Vec<u8>),
    Delete(i64, Table),
    Nothing,
}

/// The statements that change rows, for each table.
pub(crate) struct Statements<'c>([TableStatements<'c>; Table::ALL.len()]);

struct TableStatements<'c> {
    check: Statement<'c>,
    read: Statement<'c>,
    insert: Statement<'c>,
    replace: Statement<'c>,
    adjust: Statement<'c>,
    delete: Statement<'c>,
    enter: Statement<'c>,
    leave: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let [order, inventory, payment, catalogue, customer] = Table::ALL.map(|table| {
            let sql = sql::of(table);
            Ok::<_, rusqlite::Error>(TableStatements {
                check: connection.prepare(sql.check)?,
                read: connection.prepare(sql.read)?,
                insert: connection.prepare(sql.insert)?,
                replace: connection.prepare(sql.replace)?,
                adjust: connection.prepare(sql.adjust)?,
                delete: connection.prepare(sql.delete)?,
                enter: connection.prepare(sql.enter)?,
                leave: connection.prepare(sql.leave)?,
            })
        });
        Ok(Self([order?, inventory?, payment?, catalogue?, customer?]))
    }

    /// Puts the changeset into the transaction, or leaves the transaction as it is.
    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        prepared: &Prepared,
    ) -> rusqlite::Result<Verdict> {
        let writes = prepared.changeset.writes();
        let mut steps = Vec::with_capacity(writes.len());
        for (write, refusal) in writes {
            match self.check(write)? {
                Checked::Holds(step) => steps.push(step),
                Checked::Fails => return Ok(Verdict::Refused(*refusal)),
                Checked::Impossible(problem) => return Ok(Verdict::Impossible(problem)),
            }
        }
        // The last condition is checked by the write itself: nothing is written before it.
        if let Some(row) = &prepared.outbox
            && !self.insert(connection, row)?
        {
            return Ok(Verdict::Refused(Refusal::Stale));
        }
        for step in steps {
            self.take(connection, step)?;
        }
        Ok(Verdict::Applied)
    }

    /// Deletes the row with this id; with a time, only if it had expired by then.
    pub(super) fn delete(
        &mut self,
        table: Table,
        id: i64,
        expired: Option<Timestamp>,
    ) -> rusqlite::Result<()> {
        let statements = self.of(table);
        let indexes = statements
            .delete
            .query_row((id, expired.map(Timestamp::as_millis)), |row| {
                entries::decode(row.get_ref(0)?.as_str_or_null()?)
            })
            .optional()?;
        for (name, partition, sort) in indexes.into_iter().flatten() {
            statements.leave.execute((name, partition, sort, id))?;
        }
        Ok(())
    }

    fn of(&mut self, table: Table) -> &mut TableStatements<'c> {
        &mut self.0[sql::position(table)]
    }

    fn check<'a>(&mut self, write: &'a Write) -> rusqlite::Result<Checked<'a>> {
        let key = write.key();
        let statements = self.of(key.table);
        if let Write::Adjust(_, deltas) = write {
            let row = statements.read.query_row((&key.partition, &key.sort), |row| {
                Ok((row.get(0)?, counters::adjust(row.get_ref(1)?.as_bytes()?, deltas)))
            });
            return Ok(match row.optional()? {
                Some((id, Adjusted::Body(body))) => {
                    Checked::Holds(Step::Adjust(id, key.table, body))
                }
                Some((_, Adjusted::Impossible(problem))) => Checked::Impossible(problem),
                Some((_, Adjusted::TooFew)) | None => Checked::Fails,
            });
        }
        let current: Option<(i64, i64, Option<String>)> = statements
            .check
            .query_row((&key.partition, &key.sort), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let step = match (write, current) {
            (Write::Insert(row), None) => Some(Step::Insert(row)),
            (Write::Replace(row, version), Some((id, current, indexes)))
                if current == integer(*version) =>
            {
                Some(Step::Replace(id, row, indexes))
            }
            (Write::Delete(_, version), Some((id, current, _))) if current == integer(*version) => {
                Some(Step::Delete(id, key.table))
            }
            (Write::Absent(_), None) => Some(Step::Nothing),
            (
                Write::Insert(_)
                | Write::Replace(..)
                | Write::Adjust(..)
                | Write::Delete(..)
                | Write::Absent(_),
                Some(_) | None,
            ) => None,
        };
        Ok(step.map_or(Checked::Fails, Checked::Holds))
    }

    fn take(&mut self, connection: &Connection, step: Step<'_>) -> rusqlite::Result<()> {
        match step {
            Step::Insert(row) => {
                if !self.insert(connection, row)? {
                    // It was absent a moment ago: the changeset writes it twice.
                    return Err(rusqlite::Error::StatementChangedRows(0));
                }
            }
            Step::Replace(id, row, indexes) => self.replace(id, row, indexes.as_deref())?,
            Step::Adjust(id, table, body) => {
                self.of(table).adjust.execute((id, Text(&body)))?;
            }
            Step::Delete(id, table) => self.delete(table, id, None)?,
            Step::Nothing => {}
        }
        Ok(())
    }

    /// `false` when a row of this key exists.
    fn insert(&mut self, connection: &Connection, row: &NewRow) -> rusqlite::Result<bool> {
        let statements = self.of(row.key.table);
        let NewRow { key, body, indexes, expires_at } = row;
        let encoded = entries::encode(indexes);
        let expires_at = expires_at.map(Timestamp::as_millis);
        let row = (&key.partition, &key.sort, expires_at, encoded, Text(body));
        if statements.insert.execute(row)? == 0 {
            return Ok(false);
        }
        if !indexes.is_empty() {
            let id = connection.last_insert_rowid();
            for entry in indexes {
                let name = sql::index_number(entry.index);
                statements.enter.execute((name, &entry.partition, &entry.sort, id))?;
            }
        }
        Ok(true)
    }

    fn replace(&mut self, id: i64, row: &NewRow, before: Option<&str>) -> rusqlite::Result<()> {
        let statements = self.of(row.key.table);
        let after = entries::encode(&row.indexes);
        let expires_at = row.expires_at.map(Timestamp::as_millis);
        statements.replace.execute((id, expires_at, &after, Text(&row.body)))?;
        if after.as_deref() == before {
            return Ok(());
        }
        let before = entries::decode(before)?;
        let after = entries::decode(after.as_deref())?;
        for (name, partition, sort) in before.iter().filter(|entry| !after.contains(entry)) {
            statements.leave.execute((name, partition, sort, id))?;
        }
        for (name, partition, sort) in after.iter().filter(|entry| !before.contains(entry)) {
            statements.enter.execute((name, partition, sort, id))?;
        }
        Ok(())
    }
}

enum Checked<'a> {
    Holds(Step<'a>),
    Fails,
    Impossible(&'static str),
}
