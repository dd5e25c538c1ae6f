//! Waiting for a time.

use std::{
    cmp::Ordering,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::Kernel;

/// Due at a time; among those due at once, in an order that is drawn.
pub(super) struct Timer {
    pub(super) due: Duration,
    pub(super) draw: u32,
    pub(super) number: u64,
    pub(super) waker: Waker,
}

impl Timer {
    fn rank(&self) -> (Duration, u32, u64) {
        (self.due, self.draw, self.number)
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// Done when it is time, and not before.
pub(super) struct Sleep {
    kernel: Kernel,
    due: Duration,
    is_set: bool,
}

impl Sleep {
    pub(super) fn new(kernel: Kernel, due: Duration) -> Self {
        Self { kernel, due, is_set: false }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let kernel = self.kernel.clone();
        let mut state = kernel.state.lock();
        // At least one turn for the others, also when it takes no time.
        if self.is_set && state.now >= self.due {
            return Poll::Ready(());
        }
        if !self.is_set {
            self.is_set = true;
            state.wake_at(self.due, context.waker().clone());
        }
        Poll::Pending
    }
}
