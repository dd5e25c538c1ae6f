//! Connections for reading.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::open::DataDir;

/// More than there are threads of the runtime on the machines this is made for.
const CONNECTIONS: usize = 8;

/// Statements that a connection keeps prepared: there are about ten for each of three tables.
const STATEMENTS: usize = 64;

/// A pool of connections. Reads run on the thread of the caller, also when that is one of the
/// async runtime: they hit the page cache of the system and take microseconds, and handing them
/// to another thread would cost more than the read.
///
/// Nobody holds a read transaction for longer than one statement, since the write-ahead log
/// cannot begin anew while somebody reads an old part of it.
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(dir: &DataDir) -> rusqlite::Result<Self> {
        let connect = |_| {
            let connection = dir.reader()?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            // Small: SQLite forgets it at each commit of the writer.
            connection.pragma_update(None, "cache_size", -1024)?;
            Ok(Mutex::new(connection))
        };
        let connections = (0..CONNECTIONS).map(connect).collect::<rusqlite::Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Reads on a connection that is free.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        if let Some(connection) = self.connections.iter().find_map(Mutex::try_lock) {
            return read(&connection);
        }
        let next = self.next.fetch_add(1, Relaxed) % CONNECTIONS;
        let connection = self.connections[next].lock();
        read(&connection)
    }
}
