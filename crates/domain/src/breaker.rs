//! When to leave an upstream alone that does not answer, and how often to ask a second time.
//!
//! A breaker is closed while most requests are answered. When too many of a window's are not, it
//! opens: nothing is sent for a while. Then it is half open: a few probes are sent, and either
//! all of them are answered, and it closes, or one is not, and it opens again.
//!
//! Each state has an epoch, and each request that is let through bears that of its state. What
//! becomes of a request that was let through in an earlier state says nothing about this one.

use std::time::Duration;

/// Parts of a window: what is counted is forgotten a part at a time.
const SLOTS: u32 = 10;

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How far back requests count.
    pub window: Duration,
    /// With fewer requests in the window it does not open.
    pub volume_min: u32,
    /// It opens when so many of a hundred are not answered.
    pub failures_percent: u32,
    /// How long it is open.
    pub open_for: Duration,
    /// Requests that are let through half open, all of which have to be answered.
    pub probes: u32,
}

/// What is known of an upstream. Times are on one clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    epoch: u64,
}

/// What a breaker does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It lets them through and counts.
    Closed(Window),
    /// It lets none through until then.
    Open { until: Duration },
    /// It lets a few through.
    HalfOpen { under_way: u32, answered: u32 },
}

/// The name of a state, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Requests are let through.
    Closed,
    /// No request is let through.
    Open,
    /// A few requests are let through.
    HalfOpen,
}

/// What a breaker says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may be sent; what becomes of it has to be told with [`Breaker::settle`].
    Pass(Pass),
    /// It may not be sent; asking again makes sense after this time.
    Refused(Duration),
}

/// Leave to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    epoch: u64,
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered, whatever it said.
    Answered,
    /// It did not.
    Unanswered,
    /// Nobody waited for its answer.
    Abandoned,
}

/// Requests of a window, by the part of the window in which they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    slots: [Counts; 10],
    /// The number of the latest slot since the clock began.
    latest: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    answered: u32,
    unanswered: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed(Window::EMPTY), epoch: 0 }
    }
}

impl Breaker {
    /// Asks whether a request may be sent.
    #[must_use]
    pub fn admit(self, settings: &Settings, now: Duration) -> (Self, Admission) {
        let pass = |breaker: Self| (breaker, Admission::Pass(Pass { epoch: breaker.epoch }));
        match self.state {
            State::Closed(_) => pass(self),
            State::Open { until } if now < until => (self, Admission::Refused(until - now)),
            State::Open { .. } => pass(self.next(State::HalfOpen { under_way: 1, answered: 0 })),
            State::HalfOpen { under_way, answered } if under_way + answered < settings.probes => {
                let state = State::HalfOpen { under_way: under_way + 1, answered };
                pass(Self { state, ..self })
            }
            State::HalfOpen { .. } => (self, Admission::Refused(settings.open_for)),
        }
    }

    /// Hears what has become of a request that was let through.
    #[must_use]
    pub fn settle(self, settings: &Settings, pass: Pass, outcome: Outcome, now: Duration) -> Self {
        if pass.epoch != self.epoch {
            return self;
        }
        let open = State::Open { until: now + settings.open_for };
        match (self.state, outcome) {
            (State::Closed(window), Outcome::Answered | Outcome::Unanswered) => {
                let window = window.counted(settings, outcome, now);
                let trips = outcome == Outcome::Unanswered && window.is_bad(settings);
                if trips { self.next(open) } else { Self { state: State::Closed(window), ..self } }
            }
            (State::HalfOpen { answered, .. }, Outcome::Answered)
                if answered + 1 >= settings.probes =>
            {
                self.next(State::Closed(Window::EMPTY))
            }
            (State::HalfOpen { under_way, answered }, Outcome::Answered) => {
                let (under_way, answered) = (under_way.saturating_sub(1), answered + 1);
                Self { state: State::HalfOpen { under_way, answered }, ..self }
            }
            (State::HalfOpen { .. }, Outcome::Unanswered) => self.next(open),
            (State::HalfOpen { under_way, answered }, Outcome::Abandoned) => {
                let under_way = under_way.saturating_sub(1);
                Self { state: State::HalfOpen { under_way, answered }, ..self }
            }
            // Nothing was let through while it is open, so no pass is of its epoch.
            (State::Closed(_), Outcome::Abandoned) | (State::Open { .. }, _) => self,
        }
    }

    /// What it does with requests now, were they asked for.
    #[must_use]
    pub fn phase(self, now: Duration) -> Phase {
        match self.state {
            State::Closed(_) => Phase::Closed,
            State::Open { until } if now < until => Phase::Open,
            State::Open { .. } | State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    fn next(self, state: State) -> Self {
        Self { state, epoch: self.epoch + 1 }
    }
}

impl Window {
    const EMPTY: Self = Self { slots: [Counts { answered: 0, unanswered: 0 }; 10], latest: 0 };

    fn counted(mut self, settings: &Settings, outcome: Outcome, now: Duration) -> Self {
        let slot_ms = (settings.window / SLOTS).as_millis().max(1);
        let slot = u64::try_from(now.as_millis() / slot_ms).unwrap_or(u64::MAX);
        for passed in (self.latest + 1..=slot).rev().take(self.slots.len()) {
            *self.slot(passed) = Counts::default();
        }
        self.latest = self.latest.max(slot);
        let counts = self.slot(self.latest);
        match outcome {
            Outcome::Answered => counts.answered = counts.answered.saturating_add(1),
            Outcome::Unanswered => counts.unanswered = counts.unanswered.saturating_add(1),
            Outcome::Abandoned => {}
        }
        self
    }

    fn slot(&mut self, number: u64) -> &mut Counts {
        let index = usize::try_from(number % u64::from(SLOTS)).unwrap_or(0);
        &mut self.slots[index]
    }

    fn is_bad(&self, settings: &Settings) -> bool {
        let sum = |of: fn(&Counts) -> u32| self.slots.iter().map(of).map(u64::from).sum::<u64>();
        let unanswered = sum(|counts| counts.unanswered);
        let all = unanswered + sum(|counts| counts.answered);
        all >= u64::from(settings.volume_min)
            && unanswered * 100 >= all * u64::from(settings.failures_percent)
    }
}

/// How many requests may be sent a second time: one for so many that are sent a first time.
/// Without it, an upstream that is slow under its load is sent twice that load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget(u32);

/// First requests that pay for a second one.
const RETRY_COST: u32 = 10;

/// Second requests that may be saved up.
const RETRIES_SAVED_MAX: u32 = 10;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(RETRY_COST * RETRIES_SAVED_MAX)
    }
}

impl RetryBudget {
    /// A request is sent for the first time.
    #[must_use]
    pub const fn sent(self) -> Self {
        Self(if self.0 < RETRY_COST * RETRIES_SAVED_MAX { self.0 + 1 } else { self.0 })
    }

    /// Asks to send one a second time.
    #[must_use]
    pub fn retry(self) -> Option<Self> {
        self.0.checked_sub(RETRY_COST).map(Self)
    }
}

#[cfg(test)]
mod tests;
