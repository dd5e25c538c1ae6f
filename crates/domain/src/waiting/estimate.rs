//! How long it may take, as far as anybody can know.

use crate::Timestamp;

/// Seconds that are looked back on: long enough to even out rounds, short enough to follow a
/// rate that changes.
const LOOK_BACK_S: i64 = 30;

/// Admissions from which on a rate is known well enough to be told: with fewer, the slow end of
/// the range would be never.
const SAMPLE_MIN: u32 = 5;

/// Slots of the ring: more than the seconds that are looked back on.
const SLOTS: usize = 32;

const _: () = assert!(LOOK_BACK_S < 32 && SLOTS == 32);

/// From when until when somebody's turn is to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Seconds until then at the earliest.
    pub from_s: u64,
    /// Seconds until then at the latest, if it goes on like this.
    pub to_s: u64,
}

/// Admissions of the last seconds, counted.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    slots: [(i64, u32); SLOTS],
}

impl Default for Meter {
    fn default() -> Self {
        Self { slots: [(i64::MIN, 0); SLOTS] }
    }
}

impl Meter {
    /// Counts an admission.
    pub(super) fn record(&mut self, at: Timestamp) {
        let second = at.as_secs();
        let slot = usize::try_from(second).unwrap_or(0) % SLOTS;
        let (known, count) = &mut self.slots[slot];
        if *known == second {
            *count += 1;
        } else {
            (*known, *count) = (second, 1);
        }
    }

    /// When `place`, from 1, is to be expected.
    pub(super) fn estimate(&self, place: u32, now: Timestamp) -> Option<Estimate> {
        Estimate::of(place, now, self.slots.iter().copied())
    }
}

impl Estimate {
    /// When `place`, from 1, is to be expected, judged by how many were let through in each of
    /// the last seconds; `None` when there was too little to judge by.
    ///
    /// Admissions are few and come in bursts, so the true rate is taken to lie within two
    /// standard deviations of the count, as for a Poisson process.
    #[must_use]
    pub fn of(
        place: u32,
        now: Timestamp,
        admitted: impl IntoIterator<Item = (i64, u32)>,
    ) -> Option<Self> {
        let now_s = now.as_secs();
        let (mut oldest, mut count) = (now_s, 0_u32);
        for (second, admitted) in admitted {
            if admitted > 0 && second <= now_s && second > now_s - LOOK_BACK_S {
                oldest = oldest.min(second);
                count = count.saturating_add(admitted);
            }
        }
        if count < SAMPLE_MIN {
            return None;
        }
        let span_s = u64::try_from(now_s - oldest + 1).unwrap_or(1);
        let deviation = 2 * count.isqrt();
        let needed = u64::from(place) * span_s;
        Some(Self {
            from_s: needed / u64::from(count + deviation),
            to_s: needed.div_ceil(u64::from(count - deviation)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Admissions as (second, how many); the place, the second of the question; the answer.
    type Row<'row> = (&'row [(i64, u32)], u32, i64, Option<(u64, u64)>);

    #[test]
    fn an_estimate_is_a_range_around_what_was_measured_or_nothing() {
        let rows: [Row<'_>; 8] = [
            (&[], 1, 100, None),
            (&[(100, 4)], 1, 100, None),
            (&[(100, 5)], 1, 100, Some((0, 1))),
            (&[(100, 5)], 90, 100, Some((10, 90))),
            // 10 a second for ten seconds: 1,000 places are 100 s, give or take a fifth.
            (&[(91, 10), (95, 40), (100, 50)], 1_000, 100, Some((83, 125))),
            // Nothing for a while: what was measured thins out, and then is too old.
            (&[(100, 25)], 25, 109, Some((7, 17))),
            (&[(100, 25)], 25, 129, Some((21, 50))),
            (&[(100, 25)], 25, 130, None),
        ];
        for (admitted, place, now, expected) in rows {
            let mut meter = Meter::default();
            for (second, count) in admitted {
                for _ in 0..*count {
                    meter.record(Timestamp::from_millis(second * 1_000 + 7));
                }
            }
            let estimate = meter.estimate(place, Timestamp::from_millis(now * 1_000 + 9));
            let expected = expected.map(|(from_s, to_s)| Estimate { from_s, to_s });
            assert_eq!(estimate, expected, "{admitted:?} {place} {now}");
        }
    }
}
