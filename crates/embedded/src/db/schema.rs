//! The versions of the schema.

use rusqlite::Connection;

/// What [`open`](super::open) finds in the header of a file of ours: "`LMal`".
pub(super) const APPLICATION_ID: i32 = 0x4c4d_616c;

/// Each brings a file from the version before it to its own, counted from 1.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The version that this program reads and writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Brings the file to [`VERSION`], all or nothing.
pub(super) fn migrate(connection: &mut Connection, from: usize) -> rusqlite::Result<()> {
    if from >= VERSION {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(from) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", super::integer(VERSION))?;
    transaction.commit()
}
