//! Many seeds, on all cores.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    coverage::{Coverage, Observer},
    kernel::Violation,
    run::{Options, Outcome, run},
};

/// What a range of seeds came to.
#[derive(Debug, Default)]
pub struct Campaign {
    /// Seeds run.
    pub seeds: u64,
    /// Messages given to consumers.
    pub delivered: u64,
    /// Orders placed.
    pub orders: u64,
    /// Times that a task ran.
    pub steps: u64,
    /// What was reached.
    pub coverage: Coverage,
    /// The seeds that broke a promise, ascending.
    pub violations: Vec<(u64, Violation)>,
    /// The same for the same seeds, whatever the order in which they were run.
    pub fingerprint: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Campaign {
    /// Whether every promise was kept, and nothing happened that is held to be impossible.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.coverage.impossible().next().is_none()
    }

    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.delivered += outcome.delivered;
        self.orders += outcome.orders;
        self.steps += outcome.steps;
        self.coverage.add(&outcome.coverage);
        self.fingerprint = self.fingerprint.wrapping_add(outcome.fingerprint);
        self.violations.extend(outcome.violation.map(|violation| (outcome.seed, violation)));
    }
}

/// How a range of seeds is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which.
    pub seeds: Range<u64>,
    /// Each of them.
    pub options: Options,
    /// On so many threads.
    pub threads: usize,
    /// Begin no further seed once one has broken a promise.
    pub until_violation: bool,
}

/// Runs the seeds; `progress` hears of each, from any thread.
#[must_use]
pub fn campaign(plan: &Plan, progress: &(dyn Fn(&Outcome) + Sync)) -> Campaign {
    let begun = Instant::now();
    let next = AtomicU64::new(plan.seeds.start);
    let stop = AtomicBool::new(false);
    let sum = Mutex::new(Campaign::default());
    let work = || {
        let observer = Observer::default();
        observer.attach(|| {
            while !stop.load(Relaxed) {
                let seed = next.fetch_add(1, Relaxed);
                if seed >= plan.seeds.end {
                    break;
                }
                let outcome = run(seed, &plan.options, &observer);
                if outcome.violation.is_some() && plan.until_violation {
                    stop.store(true, Relaxed);
                }
                progress(&outcome);
                sum.lock().add(outcome);
            }
        });
    };
    thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut sum = sum.into_inner();
    sum.violations.sort_by_key(|(seed, _)| *seed);
    sum.elapsed = begun.elapsed();
    sum
}
