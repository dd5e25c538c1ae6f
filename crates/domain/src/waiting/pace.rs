//! How much of its rate a room may use: what the order service can take.

/// What was seen of the order service in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Orders that were answered.
    pub requests: u32,
    /// Those that were turned away: 429, 503, or no answer in time.
    pub shed: u32,
    /// Those that were answered late.
    pub slow: u32,
}

/// A share of a room's rate, in thousandths: additive increase, multiplicative decrease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace(u32);

/// The least share: the door never closes for good, for without orders nothing would ever show
/// that the order service has recovered.
const LEAST: u32 = 20;

/// What is added after a good second: from the least back to all of it in 20 s.
const STEP: u32 = 50;

/// One request in so many may be turned away.
const SHED_ONE_IN: u64 = 50;

/// One request in so many may be late.
const SLOW_ONE_IN: u64 = 4;

impl Pace {
    /// All of the rate.
    pub const FULL: Self = Self(1_000);

    /// The share, in thousandths: 20 to 1,000.
    #[must_use]
    pub const fn permille(self) -> u32 {
        self.0
    }

    /// The share after a second in which this was seen.
    #[must_use]
    pub fn after(self, seen: Window) -> Self {
        let requests = u64::from(seen.requests);
        let is_bad = u64::from(seen.shed) * SHED_ONE_IN > requests
            || u64::from(seen.slow) * SLOW_ONE_IN > requests;
        if is_bad { Self((self.0 / 2).max(LEAST)) } else { Self((self.0 + STEP).min(Self::FULL.0)) }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::FULL
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seen(requests: u32, shed: u32, slow: u32) -> Window {
        Window { requests, shed, slow }
    }

    #[test]
    fn trouble_halves_the_rate_and_it_comes_back_slowly() {
        for (before, window, after) in [
            (1_000, seen(0, 0, 0), 1_000),
            (1_000, seen(100, 0, 0), 1_000),
            (1_000, seen(100, 2, 25), 1_000),
            (1_000, seen(100, 3, 0), 500),
            (1_000, seen(100, 0, 26), 500),
            (1_000, seen(1, 1, 0), 500),
            (30, seen(10, 10, 10), 20),
            (20, seen(10, 10, 10), 20),
            (500, seen(100, 0, 0), 550),
            (980, seen(0, 0, 0), 1_000),
        ] {
            assert_eq!(Pace(before).after(window), Pace(after), "{before} {window:?}");
        }
    }

    #[test]
    fn the_least_is_all_again_after_twenty_good_seconds() {
        let mut pace = Pace(LEAST);
        for _ in 0..19 {
            pace = pace.after(seen(10, 0, 0));
        }
        assert!(pace < Pace::FULL);
        assert_eq!(pace.after(seen(10, 0, 0)), Pace::FULL);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(windows in proptest::collection::vec(any::<(u32, u32, u32)>(), 0..50)) {
            let mut pace = Pace::FULL;
            for (requests, shed, slow) in windows {
                pace = pace.after(seen(requests, shed, slow));
                prop_assert!((LEAST..=1_000).contains(&pace.permille()));
            }
        }
    }
}
