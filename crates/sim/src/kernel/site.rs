//! A process's own view: its clock, and its way to its peers.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use lmall_app::ports::{Clock, Spawn};
use lmall_domain::Timestamp;

use super::{Fault, Kernel, ProcessId, START};

/// A call takes this long where nothing is wrong.
const QUICK: (Duration, Duration) = (Duration::from_millis(0), Duration::from_millis(8));

/// A slow peer takes up to this long: more than a message's visibility time-out.
const SLOW: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(40));

/// A process may stand still for up to this long.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30 * 3_600));

/// Most pauses are not as long as that.
const SHORT_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(400));

/// A wall clock is off by at most so much: most of the webhook's five minutes.
pub const SKEW_MAX: Duration = Duration::from_secs(240);

/// Where a call comes from. Clones are the same place.
#[derive(Clone)]
pub struct Site {
    /// The scheduler.
    pub kernel: Kernel,
    /// The process.
    pub process: ProcessId,
}

impl Site {
    pub(super) fn new(kernel: Kernel, process: ProcessId) -> Self {
        Self { kernel, process }
    }

    /// One way between the process and a peer: others run, time passes, and the process may die
    /// or stand still here. A call has two, one before it takes effect and one after.
    pub async fn hop(&self, what: &'static str) {
        let kernel = &self.kernel;
        kernel.state.lock().mark(self.process, what);
        if kernel.strikes(Fault::Crash) {
            kernel.crash(self.process);
        }
        if kernel.strikes(Fault::Pause) {
            self.pause(SHORT_PAUSE);
        }
        if kernel.strikes(Fault::LongPause) {
            self.pause(PAUSE);
        }
        if kernel.strikes(Fault::ClockJump) {
            let skew = millis(kernel.between(Duration::ZERO, SKEW_MAX * 2)) - millis(SKEW_MAX);
            kernel.state.lock().set_skew(self.process, skew);
            kernel.note(self.process, || format!("its clock is off by {skew} ms"));
        }
        let (from, to) = if kernel.strikes(Fault::SlowPeer) { SLOW } else { QUICK };
        kernel.sleep(kernel.between(from, to)).await;
    }

    /// The wall clock is ahead from here on, and set right within some steps.
    pub fn set_clock_back(&self) {
        let Self { kernel, process } = self.clone();
        kernel.state.lock().set_skew(process, millis(SKEW_MAX));
        let set_right = async move {
            kernel.sleep(kernel.between(Duration::ZERO, Duration::from_millis(300))).await;
            kernel.state.lock().set_skew(process, 0);
            kernel.note(process, || "its clock is set right".to_owned());
        };
        self.kernel.spawn(super::WORLD, Box::pin(set_right));
    }

    fn pause(&self, (from, to): (Duration, Duration)) {
        if self.process == super::WORLD {
            return;
        }
        let pause = self.kernel.between(from, to);
        self.kernel.freeze(self.process, pause);
        self.kernel.note(self.process, || format!("stands still for {} s", pause.as_secs()));
    }

    /// Adds a line to the timeline, when there is one.
    pub fn note(&self, line: impl FnOnce() -> String) {
        self.kernel.note(self.process, line);
    }

    /// The process's clock.
    #[must_use]
    pub fn clock(&self) -> SiteClock {
        SiteClock(self.clone())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Spawn for Site {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.kernel.spawn(self.process, task);
    }
}

/// The clock of a process: its wall clock may be off, its monotonic one is not.
#[derive(Clone)]
pub struct SiteClock(Site);

#[async_trait]
impl Clock for SiteClock {
    fn now(&self) -> Timestamp {
        let skew = self.0.kernel.state.lock().skew(self.0.process);
        let now = self.0.kernel.now().as_millis().saturating_add(skew);
        Timestamp::from_millis(now.max(START.as_millis()))
    }

    fn monotonic(&self) -> Duration {
        self.0.kernel.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.kernel.sleep(duration).await;
    }
}
