//! ULIDs: ids that need nobody's leave.

use std::sync::Arc;

use parking_lot::Mutex;
pub use ulid::Ulid;

use crate::ports::{Chance, Clock};

/// Random bits of a ULID, below its 48 bits of milliseconds since 1970.
const RANDOM_BITS: u32 = 80;

const RANDOM: u128 = (1 << RANDOM_BITS) - 1;

/// Makes ULIDs (<https://github.com/ulid/spec>).
///
/// Those of one process ascend, also within a millisecond and when the clock is set back; those of
/// two differ by chance alone, which is 80 bits for each millisecond.
pub struct Ulids {
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    last: Mutex<u128>,
}

impl Ulids {
    /// A source that has made none.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        Self { clock, chance, last: Mutex::new(0) }
    }

    /// One that is above all before it.
    #[must_use]
    pub fn next(&self) -> Ulid {
        let mut last = self.last.lock();
        let now = u128::try_from(self.clock.now().as_millis()).unwrap_or_default();
        *last = if now > *last >> RANDOM_BITS {
            let mut bytes = [0; 16];
            self.chance.fill(&mut bytes);
            now << RANDOM_BITS | u128::from_be_bytes(bytes) & RANDOM
        } else {
            // Beyond the last one of a millisecond comes the first one of the next.
            last.wrapping_add(1)
        };
        Ulid(*last)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use lmall_domain::Timestamp;

    use super::*;

    /// A clock that says what it is told, and chance that is always the same.
    struct Told(Mutex<i64>, u8);

    #[async_trait]
    impl Clock for Told {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(*self.0.lock())
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _duration: Duration) {}
    }

    impl Chance for Told {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.1);
        }
    }

    fn at(ms: i64, chance: u8) -> (Arc<Told>, Ulids) {
        let told = Arc::new(Told(Mutex::new(ms), chance));
        (told.clone(), Ulids::new(told.clone(), told))
    }

    #[test]
    fn time_comes_first_and_then_chance() {
        let (_, ulids) = at(1_469_918_176_385, 0xab);
        let first = ulids.next();
        assert_eq!(first.timestamp_ms(), 1_469_918_176_385);
        assert_eq!(first.random(), 0xabab_abab_abab_abab_abab);
        // The example of the specification has the same time.
        assert!(first.to_string().starts_with("01ARYZ6S41"), "{first}");
    }

    #[test]
    fn they_ascend_within_a_millisecond_and_when_the_clock_is_set_back() {
        let (clock, ulids) = at(1_000, 0xff);
        let mut last = ulids.next();
        for ms in [1_000, 1_000, 5, 1_001, 999, 2_000, 2_000] {
            *clock.0.lock() = ms;
            let next = ulids.next();
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    #[test]
    fn a_millisecond_that_is_used_up_goes_over_into_the_next() {
        let (_, ulids) = at(1_000, 0xff);
        let [first, second] = [ulids.next(), ulids.next()];
        assert_eq!((first.timestamp_ms(), first.random()), (1_000, RANDOM));
        assert_eq!((second.timestamp_ms(), second.random()), (1_001, 0));
    }
}
