//! The writer's loop.

use std::{
    sync::{Arc, mpsc},
    time::Instant,
};

use rusqlite::{Connection, ErrorCode, Statement, hooks::Wal};

use super::{
    super::{Checkpointer, Counters, Opened, stats},
    job::{Failure, Job, Tx},
    pace::Pace,
    queue::Queue,
};

/// Jobs in one transaction: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 1024;

/// Jobs that are worth a commit at once, whatever the budget says.
const FULL: usize = 128;

/// Whether the machine is at fault, rather than the job.
fn is_of_the_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
        )
    )
}

struct Abandon<'a>(&'a Queue);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

pub(super) fn serve(
    opened: Opened,
    queue: &Queue,
    checkpointer: &Checkpointer,
    counters: &Counters,
    ready: &mpsc::Sender<Result<(), String>>,
) {
    let _abandon = Abandon(queue);
    let Opened { dir, mut writer } = opened;
    let mut hook = checkpointer.hook();
    let hooked = writer.wal_hook(Some(move |_: &mut Wal, pages| {
        hook(u64::try_from(pages).unwrap_or(0));
        Ok(())
    }));
    if let Err(error) = hooked.and_then(|()| work(&writer, queue, checkpointer, counters, ready)) {
        // Nobody listens when the store was given up meanwhile.
        let _ = ready.send(Err(error.to_string()));
    }
    checkpointer.stop();
    if let Err(error) = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log stays until the next start");
    }
    drop(writer);
    drop(dir);
}

fn work(
    writer: &Connection,
    queue: &Queue,
    checkpointer: &Checkpointer,
    counters: &Counters,
    ready: &mpsc::Sender<Result<(), String>>,
) -> rusqlite::Result<()> {
    let mut batch = Batch::prepare(writer)?;
    let _ = ready.send(Ok(()));
    batch.serve(queue, checkpointer, counters);
    Ok(())
}

struct Batch<'c> {
    tx: Tx<'c>,
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
}

impl<'c> Batch<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            tx: Tx::prepare(connection)?,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            rollback: connection.prepare("ROLLBACK")?,
        })
    }

    fn serve(&mut self, queue: &Queue, checkpointer: &Checkpointer, counters: &Counters) {
        let mut jobs = Vec::new();
        let mut pace = Pace::new(Instant::now());
        while queue.wait() {
            let wait = pace.wait(Instant::now());
            if !wait.is_zero() {
                queue.gather(FULL, wait);
            }
            pace.spend(Instant::now());
            queue.take(&mut jobs);
            while !jobs.is_empty() {
                let rest = jobs.split_off(jobs.len().min(BATCH_MAX));
                self.carry_out(std::mem::replace(&mut jobs, rest), counters);
                checkpointer.restart_if_due(self.tx.connection);
            }
        }
    }

    fn carry_out(&mut self, mut jobs: Vec<Box<dyn Job>>, counters: &Counters) {
        let outcome = self.transact(&mut jobs);
        match outcome {
            Ok(()) => {
                stats::add(&counters.commits, 1);
                stats::add(&counters.jobs, u64::try_from(jobs.len()).unwrap_or(0));
            }
            Err(Failure::RolledBack(error)) if jobs.len() > 1 && !is_of_the_disk(&error) => {
                // One of them cannot be done. Alone, it fails alone.
                for job in jobs {
                    self.carry_out(vec![job], counters);
                }
                return;
            }
            Err(ref error) => {
                stats::add(&counters.failures, 1);
                tracing::error!(jobs = jobs.len(), cause = ?error, "a transaction failed");
            }
        }
        for job in jobs {
            job.done(outcome.clone());
        }
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let rolled_back = |error| Failure::RolledBack(Arc::new(error));
        self.begin.execute([]).map_err(rolled_back)?;
        for job in jobs {
            if let Err(error) = job.run(&mut self.tx) {
                self.roll_back();
                return Err(rolled_back(error));
            }
        }
        self.commit.execute([]).map_err(|error| {
            self.roll_back();
            // What did not fit was not written; after any other error, who knows.
            match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => rolled_back(error),
                Some(_) | None => Failure::Unknown(Arc::new(error)),
            }
        })?;
        Ok(())
    }

    fn roll_back(&mut self) {
        // SQLite rolls back by itself after some errors.
        if !self.tx.connection.is_autocommit()
            && let Err(error) = self.rollback.execute([])
        {
            tracing::error!(%error, "a rollback failed");
        }
    }
}
