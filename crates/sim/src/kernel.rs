//! The seeded scheduler: tasks, virtual time, processes that die, and chance.
//!
//! One thread runs everything. A task runs until it waits; which one goes on is drawn from the
//! seed, and so is how long each call takes. So one seed is one schedule, and there is no other
//! source of order: no wall clock, no thread, no address, no hash.

mod executor;
mod fault;
mod signal;
mod site;
mod timer;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lmall_domain::Timestamp;
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::{executor::State, timer::Sleep};
pub use self::{
    fault::{Fault, Faults},
    signal::Signal,
    site::{SKEW_MAX, Site, SiteClock},
};

/// What a seed's wall clocks say when it begins: 2026-01-14T10:30:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_768_386_600_000);

/// A process of the simulated system: what dies together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u32);

/// The world around the system: customers, the provider, AWS itself. It never dies.
pub const WORLD: ProcessId = ProcessId(0);

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `I1` to `I8`, or what else was promised.
    pub promise: &'static str,
    /// How it is broken.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// How much of the timeline is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing: only its fingerprint.
    Off,
    /// Every line.
    Full,
}

/// What a run of the kernel came to.
#[derive(Debug, Default)]
pub struct Run {
    /// The first broken promise; the run ended there.
    pub violation: Option<Violation>,
    /// A number that differs when anything happened in another order or at another time.
    pub fingerprint: u64,
    /// Times that a task was run.
    pub steps: u64,
    /// How often each fault struck, by [`Fault::index`].
    pub strikes: Vec<u64>,
    /// What happened, line by line, when it was traced.
    pub timeline: Vec<String>,
}

/// The scheduler of one seed. Clones are the same one.
#[derive(Clone)]
pub struct Kernel {
    state: Arc<Mutex<State>>,
    seed: u64,
}

impl Kernel {
    /// A scheduler whose every decision follows from `seed` and `faults`.
    #[must_use]
    pub fn new(seed: u64, faults: Faults, trace: Trace) -> Self {
        let rng = stream(seed, 0);
        Self { state: Arc::new(Mutex::new(State::new(rng, faults, trace))), seed }
    }

    /// A source of chance of its own, so that what it is asked changes nobody else's.
    #[must_use]
    pub fn stream(&self, number: u64) -> ChaCha8Rng {
        stream(self.seed, number)
    }

    /// Draws from the scheduler's own source.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
        draw(&mut self.state.lock().rng)
    }

    /// A duration between the two, in whole milliseconds.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> Duration {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.draw(|rng| Duration::from_millis(rng.random_range(millis(from)..=millis(to))))
    }

    /// Whether the fault strikes here. Counted, for the coverage.
    pub fn strikes(&self, fault: Fault) -> bool {
        self.strikes_more(fault, 1)
    }

    /// The same where the fault is so many times as likely as elsewhere.
    pub fn strikes_more(&self, fault: Fault, factor: u32) -> bool {
        self.state.lock().strikes(fault, factor)
    }

    /// From now on, no fault strikes.
    pub fn end_faults(&self) {
        self.state.lock().end_faults();
    }

    /// Whether faults may still strike.
    #[must_use]
    pub fn faults_on(&self) -> bool {
        self.state.lock().faults_on()
    }

    /// Time since the seed began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.state.lock().now
    }

    /// The true time: what a clock without a fault says.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        START.after(self.elapsed())
    }

    /// Returns when `duration` has passed.
    pub async fn sleep(&self, duration: Duration) {
        let due = self.elapsed().saturating_add(duration);
        Sleep::new(self.clone(), due).await;
    }

    /// Everything stands still for `duration`: no task runs, and what was due is late.
    pub fn leap(&self, duration: Duration) {
        let mut state = self.state.lock();
        state.now = state.now.saturating_add(duration);
    }

    /// A new process. `name` is for people.
    #[must_use]
    pub fn process(&self, name: impl Into<String>) -> Site {
        let process = self.state.lock().add_process(name.into());
        Site::new(self.clone(), process)
    }

    /// The place of a process, to start it again.
    #[must_use]
    pub fn site(&self, process: ProcessId) -> Site {
        Site::new(self.clone(), process)
    }

    /// The world, as a place to call from.
    #[must_use]
    pub fn world(&self) -> Site {
        Site::new(self.clone(), WORLD)
    }

    /// Runs `task` beside all others, for as long as `process` lives.
    pub fn spawn(&self, process: ProcessId, task: BoxFuture<'static, ()>) {
        self.state.lock().spawn(process, task);
    }

    /// Ends the process before its next step: every task of it is dropped where it waits.
    pub fn crash(&self, process: ProcessId) {
        self.state.lock().crash(process);
    }

    /// The same for a process that has done its work: nobody is told.
    pub fn end(&self, process: ProcessId) {
        self.state.lock().end(process);
    }

    /// Makes the process stand still for `duration`: none of its tasks runs before that.
    pub fn freeze(&self, process: ProcessId, duration: Duration) {
        let mut state = self.state.lock();
        let until = state.now.saturating_add(duration);
        state.freeze(process, until);
    }

    /// The next process that has crashed.
    pub async fn next_crash(&self) -> ProcessId {
        loop {
            let signal = {
                let mut state = self.state.lock();
                if let Some(process) = state.crashed.pop_front() {
                    return process;
                }
                state.crash_signal.clone()
            };
            signal.wait(self).await;
        }
    }

    /// Breaks a promise: the run ends. Only the first one counts.
    pub fn violate(&self, promise: &'static str, text: impl Into<String>) {
        let at = self.now();
        let violation = Violation { promise, text: text.into(), at };
        self.state.lock().violation.get_or_insert(violation);
    }

    /// Adds a line to the timeline, when there is one.
    pub fn note(&self, process: ProcessId, line: impl FnOnce() -> String) {
        let mut state = self.state.lock();
        if state.trace == Trace::Full {
            let line = line();
            state.note(process, &line);
        }
    }

    /// The same, of the process whose task runs.
    pub fn note_here(&self, line: impl FnOnce() -> String) {
        let process = self.state.lock().current;
        self.note(process, line);
    }

    /// Whether a timeline is kept.
    #[must_use]
    pub fn is_traced(&self) -> bool {
        self.state.lock().trace == Trace::Full
    }

    /// Runs `main` and everything that it spawns until it ends, or a promise is broken, or
    /// `steps` are used up, which breaks one.
    #[must_use]
    pub fn run(&self, main: BoxFuture<'static, ()>, steps: u64) -> Run {
        executor::run(self, &self.state, main, steps)
    }
}

/// The `number`-th source of chance of a seed.
#[must_use]
pub fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}
