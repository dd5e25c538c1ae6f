//! Waking those who wait for something to change.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;

use super::Kernel;

/// Something that may change. Clones are the same one.
#[derive(Clone, Default)]
pub struct Signal(Arc<Mutex<Waiters>>);

#[derive(Default)]
struct Waiters {
    /// How often it was notified.
    notified: u64,
    /// One a task.
    wakers: Vec<Waker>,
}

impl Signal {
    /// Wakes everybody who waits: each has to look again.
    pub fn notify(&self) {
        let wakers = {
            let mut waiters = self.0.lock();
            waiters.notified += 1;
            std::mem::take(&mut waiters.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns after the next [`Signal::notify`].
    pub async fn wait(&self, kernel: &Kernel) {
        self.wait_until(kernel, Duration::MAX).await;
    }

    /// The same, or when the kernel's time is `due`, whichever is first.
    pub async fn wait_until(&self, kernel: &Kernel, due: Duration) {
        Waiting { kernel: kernel.clone(), signal: self.clone(), due, since: None }.await;
    }
}

struct Waiting {
    kernel: Kernel,
    signal: Signal,
    due: Duration,
    /// How often the signal had been notified when the wait began.
    since: Option<u64>,
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker();
        let mut waiters = self.signal.0.lock();
        let notified = waiters.notified;
        if let Some(since) = self.since {
            // A task is also polled for the timer of a wait that a signal ended. A wait that
            // ended for that would leave a timer, too: none would ever be the last.
            if notified != since || self.kernel.elapsed() >= self.due {
                return Poll::Ready(());
            }
            return Poll::Pending;
        }
        if !waiters.wakers.iter().any(|known| known.will_wake(waker)) {
            waiters.wakers.push(waker.clone());
        }
        drop(waiters);
        self.since = Some(notified);
        if self.due < Duration::MAX {
            self.kernel.state.lock().wake_at(self.due, waker.clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    #[test]
    fn a_wait_ends_for_its_signal_or_its_time_only() {
        let kernel = Kernel::new(1, Faults::none(), Trace::Off);
        let (signal, second) = (Signal::default(), Duration::from_secs(1));
        let (waiting, clock) = (signal.clone(), kernel.clone());
        let wait = async move {
            loop {
                waiting.wait_until(&clock, clock.elapsed() + second * 20).await;
            }
        };
        kernel.spawn(WORLD, Box::pin(wait));
        let clock = kernel.clone();
        let main = async move {
            for _ in 0..1_000 {
                clock.sleep(second).await;
                signal.notify();
            }
            clock.sleep(second * 20_000).await;
        };
        let run = kernel.run(Box::pin(main), 10_000);
        assert_eq!(run.violation, None);
        assert!(run.steps < 4_100, "1,000 signals, their timers, and 1,000 times 20 s");
    }
}
