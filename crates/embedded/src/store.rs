//! The store: rows by key, conditional transactions.

mod apply;
mod counters;
mod entries;
mod feed;
mod purge;
mod read;
mod sql;
mod watch;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Changeset,
    ports::{
        Clock, CommitError, IndexQuery, Item, Key, Page, Query, Scan, Store, StoreError, Table,
        Watch,
    },
};

pub(crate) use apply::Statements;
use apply::{Prepared, Verdict};
use feed::Feeds;
pub use feed::OutboxFeed;
use purge::Sweep;
use watch::Watchers;

use crate::db::{Counters, Failure, Readers, StoreStats, Writer};

/// The store of one machine: a SQLite file, one writer, group commit.
///
/// What `commit` has answered is on the disk, and what is read afterwards shows it.
pub struct SqliteStore {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    effects: Arc<Effects>,
    sweep: Sweep,
}

/// What happens after a commit, in the order of commits.
#[derive(Default)]
struct Effects {
    watchers: Watchers,
    feeds: Feeds,
}

impl Effects {
    fn follow(&self, prepared: &Prepared) {
        let keys = prepared.changeset.writes().iter().map(|(write, _)| write.key());
        self.watchers.wake(keys.chain(prepared.outbox.as_ref().map(|row| &row.key)));
        if let Some(row) = prepared.changeset.outbox() {
            self.feeds.send(row);
        }
    }
}

impl SqliteStore {
    pub(crate) fn new(
        writer: Arc<Writer>,
        readers: Arc<Readers>,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Self {
        let effects = Arc::default();
        Self { writer, readers, clock, counters, effects, sweep: Sweep::default() }
    }

    /// The outbox rows of the table's service, as they are committed from now on. A second call
    /// takes the feed over: the first one ends.
    #[must_use]
    pub fn outbox_feed(&self, table: Table) -> OutboxFeed {
        self.effects.feeds.open(table)
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.counters.read()
    }

    /// Refuses to let the file grow past `pages` pages of 4 KiB: a full disk, on purpose. Zero
    /// lifts the limit.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let pages = if pages == 0 { u32::MAX - 1 } else { pages };
        let set = move |tx: &mut crate::db::Tx<'_>| {
            tx.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        };
        self.writer.call(set).await.map_err(|failure| StoreError(Box::new(failure)))
    }

    /// Everything that is wrong with the file, after reading all of it. Empty: nothing. It
    /// blocks the thread, and the write-ahead log grows meanwhile.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        self.readers.with(read::integrity_check).map_err(read_error)
    }

    pub(crate) fn end_feeds(&self) {
        self.effects.feeds.close();
    }
}

fn read_error(error: rusqlite::Error) -> StoreError {
    StoreError(Box::new(error))
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.readers.with(|connection| read::get(connection, key)).map_err(read_error)
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.readers.with(|connection| read::query(connection, query)).map_err(read_error)
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.readers.with(|connection| read::query_index(connection, query)).map_err(read_error)
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        debug_assert!(!changeset.is_empty(), "a transaction has at least one write");
        let changeset = Arc::new(Prepared::new(changeset));
        let own = Arc::clone(&changeset);
        let (effects, counters) = (Arc::clone(&self.effects), Arc::clone(&self.counters));
        let verdict = self
            .writer
            .call_then(
                move |tx| tx.items.apply(tx.connection, &own),
                move |verdict| match verdict {
                    Ok(Verdict::Applied) => {
                        counters.changesets.fetch_add(1, Ordering::Relaxed);
                        effects.follow(&changeset);
                    }
                    Ok(Verdict::Refused(_)) => {
                        counters.refusals.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Verdict::Impossible(_)) | Err(_) => {}
                },
            )
            .await;
        match verdict {
            Ok(Verdict::Applied) => Ok(()),
            Ok(Verdict::Refused(refusal)) => Err(CommitError::Refused(refusal)),
            Ok(Verdict::Impossible(problem)) => Err(CommitError::Unavailable(problem.into())),
            Err(failure @ (Failure::RolledBack(_) | Failure::Closed)) => {
                Err(CommitError::Unavailable(Box::new(failure)))
            }
            Err(failure @ (Failure::Unknown(_) | Failure::Gone)) => {
                Err(CommitError::Unknown(Box::new(failure)))
            }
        }
    }
}

#[async_trait]
impl Scan for SqliteStore {
    async fn scan(
        &self,
        table: Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.readers
            .with(|connection| read::scan(connection, table, after, limit))
            .map_err(read_error)
    }
}

#[async_trait]
impl Watch for SqliteStore {
    async fn changed(&self, key: &Key, seen_version: u64, timeout: Duration) -> bool {
        let registered = self.effects.watchers.register(key);
        let notified = registered.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        // Only now: a commit before the registration is seen here, one after it is heard.
        match self.get(key).await {
            Ok(Some(item)) if item.version > seen_version => return true,
            Ok(Some(_) | None) => {}
            Err(error) => tracing::warn!(%error, "cannot tell whether a row has changed"),
        }
        tokio::select! {
            () = notified => {}
            () = self.clock.sleep(timeout) => {}
        }
        true
    }
}
