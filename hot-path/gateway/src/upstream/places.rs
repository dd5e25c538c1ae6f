//! How many requests may be under way, and how many may wait for a place.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// What is turned away before anything collapses.
///
/// The bounds are fixed and not found by watching how long answers take: here many take long
/// because their callers ask for it (`Prefer: wait`), and a bound that adapts would take that for
/// a service in distress. See decision record 37.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Requests under way at one service. Each may hold 320 KiB (its buffer and its body), so a
    /// service's are at most 640 MiB, and mostly a hundredth of that.
    pub service: usize,
    /// Requests under way at all services together.
    pub all: usize,
    /// Requests that may wait for a place; the rest is turned away at once.
    pub waiting: usize,
    /// How long they may wait: whoever waits longer waits for a service that does not keep up.
    pub wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { service: 2_048, all: 4_096, waiting: 256, wait: Duration::from_millis(50) }
    }
}

/// Places for requests that are under way.
pub(crate) struct Places {
    free: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    wait: Duration,
}

impl Places {
    pub(crate) fn new(count: usize, bounds: &Bounds) -> Self {
        let (waiting_max, wait) = (bounds.waiting, bounds.wait);
        Self { free: Semaphore::new(count), waiting: AtomicUsize::new(0), waiting_max, wait }
    }

    /// A place until it is dropped, if there is one now or soon.
    pub(crate) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.free.try_acquire() {
            return Some(place);
        }
        let _waiting = Waiting::begin(&self.waiting, self.waiting_max)?;
        timeout(self.wait, self.free.acquire()).await.ok()?.ok()
    }
}

/// One that waits; it is counted until it is dropped.
struct Waiting<'count>(&'count AtomicUsize);

impl<'count> Waiting<'count> {
    fn begin(count: &'count AtomicUsize, max: usize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < max).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_a_little_and_not_beside_many_others() {
        let wait = Duration::from_millis(50);
        let places = Places::new(1, &Bounds { waiting: 1, wait, ..Bounds::default() });
        let held = places.take().await.expect("the only place");
        let started = tokio::time::Instant::now();
        let (first, second) = tokio::join!(places.take(), places.take());
        assert!(first.is_none() && second.is_none());
        assert_eq!(started.elapsed(), wait, "one of them waited, the other did not");
        let (soon, ()) = tokio::join!(places.take(), async { drop(held) });
        assert!(soon.is_some());
    }
}
