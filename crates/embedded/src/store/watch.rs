//! Who waits for which row.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering, fence},
    },
};

use lmall_app::ports::Key;
use parking_lot::Mutex;
use tokio::sync::{Notify, futures::Notified};

#[derive(Default)]
struct Waiting {
    notify: Arc<Notify>,
    waiters: usize,
}

/// The waiters of each row. Costs a commit one load while there are none.
#[derive(Default)]
pub(super) struct Watchers {
    waiting: Mutex<HashMap<Key, Waiting>>,
    keys: AtomicUsize,
}

impl Watchers {
    /// Waits for the row from now on, until the answer is dropped.
    pub(super) fn register<'a>(&'a self, key: &'a Key) -> Registered<'a> {
        let mut waiting = self.waiting.lock();
        let entry = waiting.entry(key.clone()).or_default();
        entry.waiters += 1;
        let notify = Arc::clone(&entry.notify);
        self.keys.store(waiting.len(), Ordering::SeqCst);
        drop(waiting);
        // Before the waiter reads the row: see `wake`.
        fence(Ordering::SeqCst);
        Registered { watchers: self, key, notify }
    }

    /// Wakes those who wait for one of the rows, which were committed before this call.
    pub(super) fn wake<'a>(&self, keys: impl Iterator<Item = &'a Key>) {
        // Either this load sees the waiter, or the waiter's read sees the commit.
        fence(Ordering::SeqCst);
        if self.keys.load(Ordering::SeqCst) == 0 {
            return;
        }
        let waiting = self.waiting.lock();
        for key in keys {
            if let Some(entry) = waiting.get(key) {
                entry.notify.notify_waiters();
            }
        }
    }
}

/// A waiter.
pub(super) struct Registered<'a> {
    watchers: &'a Watchers,
    key: &'a Key,
    notify: Arc<Notify>,
}

impl Registered<'_> {
    /// Resolves when the row is written.
    pub(super) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut waiting = self.watchers.waiting.lock();
        if let Some(entry) = waiting.get_mut(self.key) {
            entry.waiters -= 1;
            if entry.waiters == 0 {
                waiting.remove(self.key);
            }
        }
        self.watchers.keys.store(waiting.len(), Ordering::SeqCst);
    }
}
