//! Keeping the write-ahead log short without making a commit wait for it.
//!
//! A thread of its own copies committed pages from the log into the file while the writer goes
//! on. But the log begins anew only when all of it is copied, and with a busy writer that never
//! happens by itself. So when the log is long, the thread repeats its passes, each with less to
//! copy, until so little is left that the writer can copy the rest between two commits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::{
    open::BUSY_TIMEOUT,
    stats::{self, Counters},
};

/// Pages in the log beyond what is copied, from which on a pass is worth it: 16 MiB. The more,
/// the more often a page was written again meanwhile and is copied once only.
const PASS_PAGES: u64 = 4096;

/// Pages in the log from which on it should begin anew: 64 MiB. Opening the file after a crash
/// reads them all.
const RESTART_PAGES: u64 = 16_384;

/// Pages that the writer may copy between two commits: about a millisecond.
const REST_PAGES: u64 = 256;

/// Passes in a row towards [`REST_PAGES`].
const PASSES_MAX: usize = 6;

/// How long a new log may wait for readers of the old one.
const READERS_WAIT: Duration = Duration::from_millis(20);

const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";

#[derive(Default)]
struct Wanted {
    pass: bool,
    stop: bool,
}

struct Shared {
    wanted: Mutex<Wanted>,
    wake: Condvar,
    /// Pages in the log after the last commit.
    logged: AtomicU64,
    /// Pages of the log that are copied.
    copied: AtomicU64,
    /// The thread is at work or about to be.
    working: AtomicBool,
    counters: Arc<Counters>,
}

/// The thread and what it shares with the writer.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(crate) fn start(connection: Connection, counters: Arc<Counters>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            wanted: Mutex::default(),
            wake: Condvar::new(),
            logged: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            working: AtomicBool::new(false),
            counters,
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("lmall-checkpoint".to_owned())
            .spawn(move || own.serve(&connection))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// What the writer's connection calls after each commit.
    pub(crate) fn hook(&self) -> impl FnMut(u64) + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |pages| shared.logged(pages)
    }

    /// What the writer does between two commits.
    pub(crate) fn restart_if_due(&self, writer: &Connection) {
        let shared = &self.shared;
        let logged = shared.logged.load(Ordering::Acquire);
        let rest = logged.saturating_sub(shared.copied.load(Ordering::Acquire));
        let due = logged >= RESTART_PAGES && rest <= REST_PAGES;
        if !due || shared.working.load(Ordering::Acquire) {
            return;
        }
        let restarted = writer
            .busy_timeout(READERS_WAIT)
            .and_then(|()| writer.query_row(RESTART, [], |row| row.get(0)));
        if let Err(error) = writer.busy_timeout(BUSY_TIMEOUT) {
            tracing::warn!(%error, "the writer waits less for others from now on");
        }
        stats::add(&shared.counters.checkpoints, 1);
        match restarted {
            Ok(0_i64) => shared.restarted(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the write-ahead log could not begin anew"),
        }
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.shared.wanted.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

impl Shared {
    fn logged(&self, pages: u64) {
        let before = self.logged.swap(pages, Ordering::AcqRel);
        if pages < before {
            self.copied.store(0, Ordering::Release);
        }
        self.counters.wal_bytes.store(pages * 4096, Ordering::Relaxed);
        let rest = pages.saturating_sub(self.copied.load(Ordering::Acquire));
        let due = rest >= PASS_PAGES || (pages >= RESTART_PAGES && rest > REST_PAGES);
        if due && !self.working.swap(true, Ordering::AcqRel) {
            self.wanted.lock().pass = true;
            self.wake.notify_one();
        }
    }

    fn restarted(&self) {
        self.copied.store(0, Ordering::Release);
        self.logged.store(0, Ordering::Release);
    }

    fn serve(&self, connection: &Connection) {
        loop {
            let mut wanted = self.wanted.lock();
            while !wanted.pass && !wanted.stop {
                self.wake.wait(&mut wanted);
            }
            if wanted.stop {
                return;
            }
            wanted.pass = false;
            drop(wanted);
            for _ in 0..PASSES_MAX {
                let before = self.copied.load(Ordering::Acquire);
                let rest = self.pass(connection);
                let long = self.logged.load(Ordering::Acquire) >= RESTART_PAGES;
                // Without progress, somebody reads an old part of the log: it has to wait.
                let stuck = self.copied.load(Ordering::Acquire) <= before;
                if stuck || !long || rest.is_none_or(|rest| rest <= REST_PAGES) {
                    break;
                }
            }
            self.working.store(false, Ordering::Release);
        }
    }

    /// Copies what is in the log now; answers what came into it meanwhile.
    fn pass(&self, connection: &Connection) -> Option<u64> {
        let copied =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2));
        stats::add(&self.counters.checkpoints, 1);
        match copied {
            Ok(copied) => {
                let copied = u64::try_from(copied).unwrap_or(0);
                self.copied.store(copied, Ordering::Release);
                Some(self.logged.load(Ordering::Acquire).saturating_sub(copied))
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
                None
            }
        }
    }
}
