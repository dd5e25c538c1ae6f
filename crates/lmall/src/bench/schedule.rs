//! When sagas begin: on a schedule that the server cannot slow down, or one after another.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// How often due sagas are begun; what they wait for it counts as latency.
const TICK: Duration = Duration::from_millis(1);

const NANOS_PER_S: u128 = 1_000_000_000;

/// The measured part of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

impl Window {
    pub(super) fn contains(&self, moment: Instant) -> bool {
        self.from <= moment && moment < self.to
    }

    pub(super) fn length(&self) -> Duration {
        self.to - self.from
    }
}

/// Begins saga number `i` at `start + i / per_second`, however slow the earlier ones are.
pub(super) async fn open_loop(
    per_second: u32,
    start: Instant,
    end: Instant,
    mut begin: impl FnMut(u64, Instant),
) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut next = 0;
    loop {
        tick.tick().await;
        let now = Instant::now();
        let due = due_within(per_second, now.min(end).saturating_duration_since(start));
        for index in next..due {
            begin(index, start + offset(per_second, index));
        }
        next = due;
        if now >= end {
            return;
        }
    }
}

/// Lets buyers run sagas one after another, each due when it is begun, until `goes_on` says no to
/// a saga's number; waits for the last ones.
pub(super) async fn closed_loop<Saga>(
    buyers: u32,
    goes_on: impl Fn(u64) -> bool + Clone + Send + 'static,
    saga: impl Fn(u64, Instant) -> Saga + Clone + Send + 'static,
) where
    Saga: Future<Output = ()> + Send,
{
    let numbers = Arc::new(AtomicU64::new(0));
    let mut running = JoinSet::new();
    for _ in 0..buyers {
        let (numbers, goes_on, saga) = (Arc::clone(&numbers), goes_on.clone(), saga.clone());
        running.spawn(async move {
            loop {
                let index = numbers.fetch_add(1, Ordering::Relaxed);
                if !goes_on(index) {
                    return;
                }
                saga(index, Instant::now()).await;
            }
        });
    }
    running.join_all().await;
}

/// When a saga is due after the start.
fn offset(per_second: u32, index: u64) -> Duration {
    let nanos = u128::from(index) * NANOS_PER_S / u128::from(per_second);
    Duration::from_nanos_u128(nanos)
}

/// How many sagas are due before `elapsed` has passed.
fn due_within(per_second: u32, elapsed: Duration) -> u64 {
    let due = (elapsed.as_nanos() * u128::from(per_second)).div_ceil(NANOS_PER_S);
    u64::try_from(due).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_saga_is_due_once_and_exactly_then() {
        for per_second in [1, 3, 7, 300, 999, 1_000, 4_321, 1_000_000] {
            for index in [0, 1, 2, 1_000, 123_457, 86_400_000] {
                let due = offset(per_second, index);
                let just_after = due + Duration::from_nanos(1);
                assert!(due_within(per_second, due) <= index, "{per_second}/s, {index}: early");
                assert_eq!(due_within(per_second, just_after), index + 1, "{per_second}/s");
            }
        }
    }

    #[test]
    fn a_second_holds_the_rate() {
        for per_second in [1, 3, 999, 4_321] {
            for second in [1, 60, 3_600] {
                let due = due_within(per_second, Duration::from_secs(second));
                assert_eq!(due, u64::from(per_second) * second);
            }
        }
    }

    #[test]
    fn a_window_has_its_beginning_and_not_its_end() {
        let from = Instant::now();
        let window = Window { from, to: from + Duration::from_secs(2) };
        assert!(window.contains(from) && !window.contains(window.to));
        assert_eq!(window.length(), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn buyers_run_each_number_once() {
        let ran = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&ran);
        let saga = move |index, _| {
            let count = Arc::clone(&count);
            async move {
                count.fetch_add(index, Ordering::Relaxed);
            }
        };
        closed_loop(8, |index| index < 100, saga).await;
        assert_eq!(ran.load(Ordering::Relaxed), (0..100_u64).sum::<u64>());
    }
}
