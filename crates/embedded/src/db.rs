//! The file: opening it, one writer, some readers, and keeping its write-ahead log short.

mod checkpoint;
mod open;
mod readers;
mod schema;
mod stats;
mod writer;

pub(crate) use checkpoint::Checkpointer;
pub use open::OpenError;
pub(crate) use open::{DataDir, Opened};
pub(crate) use readers::Readers;
pub(crate) use stats::Counters;
pub use stats::StoreStats;
pub(crate) use writer::{Failure, Tx, Writer};

use rusqlite::{
    ToSql,
    types::{ToSqlOutput, ValueRef},
};

/// Bytes that go into the file as text, so that they can be read in the shell of SQLite.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// A count as SQLite keeps it.
pub(crate) fn integer(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
