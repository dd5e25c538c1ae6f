//! Tasks and timers, one step after another.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    hash::{Hash, Hasher},
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Fault, Faults, Kernel, ProcessId, Run, Signal, Trace, Violation, WORLD, timer::Timer};

type TaskId = u64;

/// Everything that a kernel knows.
pub(super) struct State {
    pub(super) now: Duration,
    pub(super) rng: ChaCha8Rng,
    pub(super) violation: Option<Violation>,
    pub(super) crashed: VecDeque<ProcessId>,
    pub(super) crash_signal: Signal,
    pub(super) trace: Trace,
    /// Whose task runs.
    pub(super) current: ProcessId,
    faults: Faults,
    strikes: Vec<u64>,
    processes: Vec<Process>,
    tasks: BTreeMap<TaskId, Task>,
    next_task: TaskId,
    woken: Arc<Mutex<Vec<TaskId>>>,
    ready: Vec<TaskId>,
    timers: BinaryHeap<Reverse<Timer>>,
    next_timer: u64,
    /// Each with whether it crashed.
    dying: Vec<(ProcessId, bool)>,
    fingerprint: Fingerprint,
    timeline: Vec<String>,
}

struct Process {
    name: String,
    /// None of its tasks runs before that.
    frozen_until: Duration,
    /// What its wall clock is off by, in milliseconds.
    skew: i64,
    tasks: BTreeSet<TaskId>,
}

impl Process {
    fn new(name: String) -> Self {
        Self { name, frozen_until: Duration::ZERO, skew: 0, tasks: BTreeSet::new() }
    }
}

struct Task {
    process: ProcessId,
    /// Taken out while it runs.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
    is_ready: bool,
}

struct Wakeup {
    task: TaskId,
    woken: Arc<Mutex<Vec<TaskId>>>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.woken.lock().push(self.task);
    }
}

/// FNV-1a, which is the same everywhere; what is hashed is written byte by byte.
struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl State {
    pub(super) fn new(rng: ChaCha8Rng, faults: Faults, trace: Trace) -> Self {
        Self {
            now: Duration::ZERO,
            rng,
            violation: None,
            crashed: VecDeque::new(),
            crash_signal: Signal::default(),
            trace,
            current: WORLD,
            faults,
            strikes: vec![0; Fault::ALL.len()],
            processes: vec![Process::new("world".to_owned())],
            tasks: BTreeMap::new(),
            next_task: 0,
            woken: Arc::default(),
            ready: Vec::new(),
            timers: BinaryHeap::new(),
            next_timer: 0,
            dying: Vec::new(),
            fingerprint: Fingerprint(0xcbf2_9ce4_8422_2325),
            timeline: Vec::new(),
        }
    }

    pub(super) fn strikes(&mut self, fault: Fault, factor: u32) -> bool {
        let chance = self.faults.chance(fault, factor);
        // Drawn in any case: one fault less must not shift the draws of all others.
        let struck = self.rng.random_range(0..1_000_000_u32) < chance;
        if struck {
            self.count(fault);
        }
        struck
    }

    pub(super) fn count(&mut self, fault: Fault) {
        self.strikes[fault.index()] += 1;
        if self.trace == Trace::Full {
            let current = self.current;
            self.note(current, &format!("** {} **", fault.name()));
        }
    }

    pub(super) fn end_faults(&mut self) {
        self.faults = Faults::none();
        for process in &mut self.processes {
            process.frozen_until = process.frozen_until.min(self.now);
            process.skew = 0;
        }
        // Whatever waited for its process to go on.
        self.woken.lock().extend(self.tasks.keys());
    }

    pub(super) fn faults_on(&self) -> bool {
        self.faults != Faults::none()
    }

    pub(super) fn add_process(&mut self, name: String) -> ProcessId {
        let id = u32::try_from(self.processes.len()).expect("a seed has few processes");
        self.processes.push(Process::new(name));
        ProcessId(id)
    }

    pub(super) fn freeze(&mut self, process: ProcessId, until: Duration) {
        let process = self.of(process);
        process.frozen_until = process.frozen_until.max(until);
    }

    pub(super) fn skew(&mut self, process: ProcessId) -> i64 {
        self.of(process).skew
    }

    pub(super) fn set_skew(&mut self, process: ProcessId, millis: i64) {
        self.of(process).skew = millis;
    }

    fn of(&mut self, process: ProcessId) -> &mut Process {
        let index = usize::try_from(process.0).expect("an index");
        &mut self.processes[index]
    }

    pub(super) fn spawn(&mut self, process: ProcessId, future: BoxFuture<'static, ()>) {
        let id = self.next_task;
        self.next_task += 1;
        let waker = Waker::from(Arc::new(Wakeup { task: id, woken: Arc::clone(&self.woken) }));
        self.tasks.insert(id, Task { process, future: Some(future), waker, is_ready: true });
        self.of(process).tasks.insert(id);
        self.ready.push(id);
    }

    /// The task has come to its end.
    fn finish(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.remove(&id) {
            self.of(task.process).tasks.remove(&id);
        }
    }

    pub(super) fn crash(&mut self, process: ProcessId) {
        if process != WORLD && !self.dying.contains(&(process, true)) {
            self.dying.push((process, true));
        }
    }

    pub(super) fn end(&mut self, process: ProcessId) {
        self.dying.push((process, false));
    }

    pub(super) fn wake_at(&mut self, due: Duration, waker: Waker) {
        let (draw, number) = (self.rng.random(), self.next_timer);
        self.next_timer += 1;
        self.timers.push(Reverse(Timer { due, draw, number, waker }));
    }

    /// Folds what happens into the fingerprint.
    pub(super) fn mark(&mut self, process: ProcessId, what: &str) {
        self.now.as_micros().to_le_bytes().hash(&mut self.fingerprint);
        self.fingerprint.write(&process.0.to_le_bytes());
        self.fingerprint.write(what.as_bytes());
    }

    pub(super) fn note(&mut self, process: ProcessId, line: &str) {
        let at = self.now;
        let name = self.of(process).name.clone();
        let (seconds, millis) = (at.as_secs(), at.subsec_millis());
        let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
        let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
        self.timeline.push(format!(
            "{days}d {hours:02}:{minutes:02}:{seconds:02}.{millis:03}  {name:<14} {line}"
        ));
    }

    /// The next task to run: one of those that can, drawn; else the one whose time comes next.
    fn next(&mut self) -> Next {
        loop {
            let mut woken = std::mem::take(&mut *self.woken.lock());
            // Whoever wakes several may do it in any order: tokio's channels draw one.
            woken.sort_unstable();
            for id in woken {
                if let Some(task) = self.tasks.get_mut(&id)
                    && !task.is_ready
                {
                    task.is_ready = true;
                    self.ready.push(id);
                }
            }
            if !self.ready.is_empty() {
                let index = self.rng.random_range(0..self.ready.len());
                let id = self.ready.swap_remove(index);
                if let Some(next) = self.take(id) {
                    return next;
                }
                continue;
            }
            let Some(Reverse(timer)) = self.timers.pop() else { return Next::Nothing };
            self.now = self.now.max(timer.due);
            timer.waker.wake();
        }
    }

    /// The task, to be run; `None` when it is gone, or its process stands still.
    fn take(&mut self, id: TaskId) -> Option<Next> {
        let task = self.tasks.get_mut(&id)?;
        task.is_ready = false;
        let (process, waker) = (task.process, task.waker.clone());
        let frozen_until = self.of(process).frozen_until;
        if frozen_until > self.now {
            self.wake_at(frozen_until, waker);
            return None;
        }
        let future = self.tasks.get_mut(&id)?.future.take()?;
        self.current = process;
        Some(Next::Task(id, future, waker))
    }

    /// Takes the tasks of those that died, to be dropped where no lock is held.
    fn bury(&mut self) -> Vec<Task> {
        let mut dead = Vec::new();
        for (process, has_crashed) in std::mem::take(&mut self.dying) {
            let fate = self.of(process);
            fate.frozen_until = Duration::ZERO;
            let its = std::mem::take(&mut fate.tasks);
            dead.extend(its.into_iter().filter_map(|id| self.tasks.remove(&id)));
            if !has_crashed {
                continue;
            }
            self.mark(process, "crash");
            if self.trace == Trace::Full {
                self.note(process, "** dies **");
            }
            self.crashed.push_back(process);
        }
        dead
    }
}

enum Next {
    Task(TaskId, BoxFuture<'static, ()>, Waker),
    Nothing,
}

/// Runs `main` to its end.
pub(super) fn run(
    kernel: &Kernel,
    state: &Mutex<State>,
    main: BoxFuture<'static, ()>,
    limit: u64,
) -> Run {
    let main_task = state.lock().next_task;
    kernel.spawn(WORLD, main);
    let mut steps = 0;
    loop {
        let next = state.lock().next();
        let Next::Task(id, mut future, waker) = next else {
            kernel.violate("rest", "nothing can happen any more, and the run has not ended");
            break;
        };
        steps += 1;
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| {
            future.as_mut().poll(&mut Context::from_waker(&waker))
        }));
        match polled {
            Ok(Poll::Pending) => {
                if let Some(task) = state.lock().tasks.get_mut(&id) {
                    task.future = Some(future);
                }
            }
            Ok(Poll::Ready(())) => {
                state.lock().finish(id);
                if id == main_task {
                    break;
                }
            }
            Err(_) => kernel.violate("no panic", "a task panicked: see standard error"),
        }
        let (dead, crashed) = {
            let mut state = state.lock();
            if state.violation.is_some() {
                break;
            }
            let dead = state.bury();
            (dead, (!state.crashed.is_empty()).then(|| state.crash_signal.clone()))
        };
        drop(dead);
        if let Some(signal) = crashed {
            signal.notify();
        }
        if steps >= limit {
            kernel.violate("rest", format!("not at rest after {limit} steps"));
            break;
        }
    }
    finish(state, steps)
}

fn finish(state: &Mutex<State>, steps: u64) -> Run {
    // What is left is dropped where no lock is held: it may wake others.
    let tasks = std::mem::take(&mut state.lock().tasks);
    drop(tasks);
    let mut state = state.lock();
    Run {
        violation: state.violation.take(),
        fingerprint: state.fingerprint.finish(),
        steps,
        strikes: std::mem::take(&mut state.strikes),
        timeline: std::mem::take(&mut state.timeline),
    }
}
