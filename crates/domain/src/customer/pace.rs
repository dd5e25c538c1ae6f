//! How fast something may be tried: the generic cell rate algorithm, on one point in time.

use std::time::Duration;

use crate::Timestamp;

/// At most `burst` tries at once, and one more `every` so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Tries that may come at once, at least 1.
    pub burst: u32,
    /// How long it takes until one more may come.
    pub every: Duration,
}

impl Pace {
    /// What a try at `now` leaves behind, given what the one before left: the time at which all
    /// is as if nothing had been tried.
    ///
    /// # Errors
    /// How long to wait, when there were too many tries.
    pub fn take(self, rested_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Duration> {
        let from = rested_at.map_or(now, |rested_at| rested_at.max(now));
        let next = from.after(self.every);
        let ahead = next.since(now);
        let allowed = self.every.saturating_mul(self.burst);
        if ahead > allowed { Err(ahead.saturating_sub(allowed)) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { burst: 3, every: Duration::from_secs(10) };

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + secs * 1_000)
    }

    #[test]
    fn a_burst_is_taken_and_then_one_each_period() {
        let rows = [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(10)),
            (4, Err(6)),
            (10, Ok(())),
            (11, Err(9)),
            // Rested for long: a whole burst again, and no more.
            (1_000, Ok(())),
            (1_000, Ok(())),
            (1_000, Ok(())),
            (1_000, Err(10)),
        ];
        let mut rested_at = None;
        for (place, (time, expected)) in rows.into_iter().enumerate() {
            let taken = PACE.take(rested_at, at(time));
            assert_eq!(taken.map(drop), expected.map_err(Duration::from_secs), "row {place}");
            rested_at = taken.ok().or(rested_at);
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let rested_at = PACE.take(None, at(100)).unwrap();
        assert_eq!(PACE.take(Some(rested_at), at(0)), Err(Duration::from_secs(90)));
    }
}
