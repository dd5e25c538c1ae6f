//! A breaker that many tasks share.

use std::{sync::Arc, time::Duration};

use lmall_domain::breaker::{Admission, Breaker, Outcome, Pass, Phase, Settings};
use parking_lot::Mutex;

use crate::ports::Clock;

/// A [`Breaker`] with its settings and its clock.
pub struct Circuit {
    breaker: Mutex<Breaker>,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

/// Leave to send one request. One that is dropped is a request that was given up.
pub struct Passage<'circuit> {
    circuit: &'circuit Circuit,
    pass: Pass,
    outcome: Outcome,
}

impl Circuit {
    /// A closed one.
    #[must_use]
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self { breaker: Mutex::default(), settings, clock }
    }

    /// Asks whether a request may be sent.
    ///
    /// # Errors
    /// It may not; asking again makes sense after this time.
    pub fn enter(&self) -> Result<Passage<'_>, Duration> {
        let now = self.clock.monotonic();
        let mut breaker = self.breaker.lock();
        let (next, admission) = breaker.admit(&self.settings, now);
        *breaker = next;
        match admission {
            Admission::Pass(pass) => {
                Ok(Passage { circuit: self, pass, outcome: Outcome::Abandoned })
            }
            Admission::Refused(again_in) => Err(again_in),
        }
    }

    /// What it does with requests now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.breaker.lock().phase(self.clock.monotonic())
    }
}

impl Passage<'_> {
    /// The request was answered.
    pub fn answered(mut self) {
        self.outcome = Outcome::Answered;
    }

    /// The request was not answered.
    pub fn unanswered(mut self) {
        self.outcome = Outcome::Unanswered;
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        let Circuit { breaker, settings, clock } = self.circuit;
        let now = clock.monotonic();
        let mut breaker = breaker.lock();
        *breaker = breaker.settle(settings, self.pass, self.outcome, now);
    }
}
