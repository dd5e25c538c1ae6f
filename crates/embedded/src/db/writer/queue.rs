//! Jobs on their way to the writer.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::{
    super::{Counters, integer},
    job::{Failure, Job},
};

struct State {
    jobs: Vec<Box<dyn Job>>,
    open: bool,
    /// The taker sleeps until there are so many jobs; `usize::MAX` while it is awake.
    wake_at: usize,
}

/// A queue for one taker. Every job is awaited by a task, so it is as long as there are tasks.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    counters: Arc<Counters>,
}

impl Queue {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        let state = State { jobs: Vec::new(), open: true, wake_at: usize::MAX };
        Self { state: Mutex::new(state), wake: Condvar::new(), counters }
    }

    pub(super) fn push(&self, job: Box<dyn Job>) {
        let mut state = self.state.lock();
        if !state.open {
            drop(state);
            return job.done(Err(Failure::Closed));
        }
        state.jobs.push(job);
        if state.jobs.len() >= state.wake_at {
            state.wake_at = usize::MAX;
            self.wake.notify_one();
        }
    }

    /// Waits for a job. `false` when there will be none any more.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if !state.open {
                return false;
            }
            state.wake_at = 1;
            self.wake.wait(&mut state);
        }
        state.wake_at = usize::MAX;
        true
    }

    /// Waits for `count` jobs, at most for `timeout`, and not when no more are taken.
    pub(super) fn gather(&self, count: usize, timeout: Duration) {
        let mut state = self.state.lock();
        if state.open && state.jobs.len() < count {
            state.wake_at = count;
            self.wake.wait_for(&mut state, timeout);
            state.wake_at = usize::MAX;
        }
    }

    /// Swaps `jobs`, which is empty, for all that wait.
    pub(super) fn take(&self, jobs: &mut Vec<Box<dyn Job>>) {
        let mut state = self.state.lock();
        std::mem::swap(&mut state.jobs, jobs);
        let depth = u64::try_from(integer(jobs.len())).unwrap_or(0);
        self.counters.queue_depth.store(depth, Relaxed);
    }

    pub(super) fn close(&self) {
        self.state.lock().open = false;
        self.wake.notify_one();
    }

    /// What the writer leaves behind when it ends, also by a panic: nobody waits for ever.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.open = false;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        for job in jobs {
            job.done(Err(Failure::Closed));
        }
    }
}
