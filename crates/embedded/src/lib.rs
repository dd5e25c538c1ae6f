//! LMall on one machine: store, bus, stock gate and waiting rooms, with a SQLite file and nothing
//! else.
//!
//! This crate promises that what it has answered is on the disk: one thread writes, many
//! changesets and messages share one `fsync`, and nobody is answered before it. A crash at any
//! moment leaves a file that opens again with all of that, and without any part of a changeset
//! that was not answered.
//!
//! It must never decide anything about orders, stock or money, hold a message in memory only,
//! or let two processes use one data directory. The gate alone forgets, as a gate may.

mod bus;
mod db;
mod gate;
mod key_file;
mod mails;
mod store;
mod waiting;

use std::{path::Path, sync::Arc};

use lmall_app::ports::Clock;

pub use bus::SqliteBus;
pub use db::{OpenError, StoreStats};
pub use gate::LocalGate;
pub use key_file::KeyFile;
pub use mails::PrintedMails;
pub use store::{OutboxFeed, SqliteStore};
pub use waiting::{Clerk, LocalRooms};

use db::{Checkpointer, Counters, DataDir, Readers, Writer};

/// The adapters of one data directory.
pub struct Embedded {
    store: Arc<SqliteStore>,
    bus: Arc<SqliteBus>,
    gate: Arc<LocalGate>,
    writer: Arc<Writer>,
}

impl Embedded {
    /// Opens the directory, which is created if it is absent, for this process alone.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let file = dir.join("lmall.db");
        let sqlite = |source| OpenError::Sqlite { path: file.clone(), source };
        let io = |source| OpenError::Io { path: file.clone(), source };
        let opened = DataDir::lock(dir)?.open()?;
        let counters = Arc::<Counters>::default();
        let readers = Arc::new(Readers::open(&opened.dir).map_err(sqlite)?);
        let checkpoints = opened.dir.checkpointer().map_err(sqlite)?;
        let checkpointer = Checkpointer::start(checkpoints, Arc::clone(&counters)).map_err(io)?;
        let writer = Writer::start(opened, checkpointer, Arc::clone(&counters)).map_err(io)?;
        let writer = Arc::new(writer);
        let bus = SqliteBus::load(Arc::clone(&writer), Arc::clone(&readers), Arc::clone(&clock))
            .map_err(sqlite)?;
        let store = SqliteStore::new(Arc::clone(&writer), readers, clock, counters);
        let gate = Arc::new(LocalGate::default());
        Ok(Self { store: Arc::new(store), bus: Arc::new(bus), gate, writer })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<SqliteStore> {
        Arc::clone(&self.store)
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> Arc<SqliteBus> {
        Arc::clone(&self.bus)
    }

    /// The stock gate.
    #[must_use]
    pub fn gate(&self) -> Arc<LocalGate> {
        Arc::clone(&self.gate)
    }

    /// Finishes what was asked for, writes the log back into the file and lets go of the
    /// directory. Writes fail from then on. Does nothing the second time.
    pub fn close(&self) {
        self.writer.close();
        self.store.end_feeds();
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}
