//! Token buckets: how often somebody may ask, in whole numbers alone.
//!
//! A bucket counts in drops, of which a token has as many as its limit's period has
//! microseconds; then each microsecond adds exactly as many drops as the limit has tokens in a
//! period, and nothing is ever rounded. The script in `crates/aws/src/redis/limit.lua` reckons
//! the same way, in doubles: [`Limit`]'s bounds keep every number of drops below 2^53.

use std::{fmt, str::FromStr, time::Duration};

/// Tokens of the largest rate, and of the largest burst.
pub const TOKENS_MAX: u32 = 1_000_000;

/// The longest period, in seconds.
pub const PERIOD_SECS_MAX: u64 = 3_600;

const MICROS: u64 = 1_000_000;

// A double holds every whole number below 2^53; of tokens there are at most a million.
const _: () = assert!(TOKENS_MAX == 1_000_000 && PERIOD_SECS_MAX * MICROS < (1 << 53) / 1_000_000);

/// So many tokens in a period, and so many at once.
///
/// Its text form is `RATE/PERIOD:BURST` with the periods `s`, `m` and `h`: `20/s:40`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    rate: u32,
    period_us: u64,
    burst: u32,
}

/// A limit that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a limit such as 20/s:40 (s, m or h; numbers from 1 to {TOKENS_MAX})")]
pub struct BadLimit(String);

/// How full a bucket is, and since when. Times are microseconds on one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    drops: u64,
    at_us: u64,
}

/// What a bucket says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether there was a token.
    pub admitted: bool,
    /// Tokens that are left.
    pub remaining: u32,
    /// When there will be one; zero when there is one.
    pub retry_after: Duration,
    /// When the bucket will be full.
    pub full_in: Duration,
}

impl Limit {
    /// So many tokens a second, and so many at once. What is out of bounds is brought back.
    #[must_use]
    pub const fn per_second(rate: u32, burst: u32) -> Self {
        Self::of(rate, 1, burst)
    }

    /// So many tokens a minute, and so many at once. What is out of bounds is brought back.
    #[must_use]
    pub const fn per_minute(rate: u32, burst: u32) -> Self {
        Self::of(rate, 60, burst)
    }

    const fn of(rate: u32, period_s: u64, burst: u32) -> Self {
        Self { rate: bounded(rate), period_us: period_s * MICROS, burst: bounded(burst) }
    }

    /// Tokens in a period.
    #[must_use]
    pub const fn rate(self) -> u32 {
        self.rate
    }

    /// Microseconds of a period, which are the drops of a token.
    #[must_use]
    pub const fn period_us(self) -> u64 {
        self.period_us
    }

    /// Tokens at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// What each of several tasks may admit, so that all of them together admit this much. A
    /// burst is at least one token, so theirs together may be larger.
    #[must_use]
    pub fn shared_by(self, tasks: u32) -> Self {
        let tasks = tasks.max(1);
        let period_us = self.period_us * u64::from(tasks);
        Self { rate: self.rate, period_us, burst: self.burst.div_ceil(tasks) }
    }

    fn full(self) -> u64 {
        u64::from(self.burst) * self.period_us
    }

    /// How long so many drops take.
    fn time_of(self, drops: u64) -> Duration {
        Duration::from_micros(drops.div_ceil(u64::from(self.rate)))
    }
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn full(limit: Limit, now_us: u64) -> Self {
        Self { drops: limit.full(), at_us: now_us }
    }

    /// Takes a token, if there is one. A clock that went back adds nothing, and a bucket that
    /// was filled under another limit has at most what this one allows.
    #[must_use]
    pub fn take(self, limit: Limit, now_us: u64) -> (Self, Taken) {
        let drops = self.drops_at(limit, now_us);
        let left = drops.checked_sub(limit.period_us);
        let bucket = Self { drops: left.unwrap_or(drops), at_us: self.at_us.max(now_us) };
        let remaining = bucket.drops / limit.period_us;
        let taken = Taken {
            admitted: left.is_some(),
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            retry_after: limit.time_of(limit.period_us.saturating_sub(bucket.drops)),
            full_in: limit.time_of(limit.full() - bucket.drops),
        };
        (bucket, taken)
    }

    /// Whether it says the same as one that nobody has ever taken from: it may be forgotten.
    #[must_use]
    pub fn is_full(self, limit: Limit, now_us: u64) -> bool {
        self.drops_at(limit, now_us) == limit.full()
    }

    fn drops_at(self, limit: Limit, now_us: u64) -> u64 {
        let passed_us = now_us.saturating_sub(self.at_us);
        let added = passed_us.saturating_mul(u64::from(limit.rate));
        self.drops.saturating_add(added).min(limit.full())
    }
}

impl FromStr for Limit {
    type Err = BadLimit;

    fn from_str(text: &str) -> Result<Self, BadLimit> {
        let read = || {
            let (rate, rest) = text.split_once('/')?;
            let (period, burst) = rest.split_once(':')?;
            let period_s = match period {
                "s" => 1,
                "m" => 60,
                "h" => PERIOD_SECS_MAX,
                _ => return None,
            };
            let tokens = |digits: &str| {
                let known = digits.bytes().all(|byte| byte.is_ascii_digit());
                let count = digits.parse::<u32>().ok().filter(|_| known)?;
                (1..=TOKENS_MAX).contains(&count).then_some(count)
            };
            Some(Self::of(tokens(rate)?, period_s, tokens(burst)?))
        };
        read().ok_or_else(|| BadLimit(text.escape_debug().to_string()))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, period_us, burst } = self;
        match period_us / MICROS {
            1 => write!(f, "{rate}/s:{burst}"),
            60 => write!(f, "{rate}/m:{burst}"),
            PERIOD_SECS_MAX => write!(f, "{rate}/h:{burst}"),
            seconds => write!(f, "{rate}/{seconds}s:{burst}"),
        }
    }
}

const fn bounded(tokens: u32) -> u32 {
    match tokens {
        0 => 1,
        1..=TOKENS_MAX => tokens,
        _ => TOKENS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition itself: in no span of time that ends now were more tokens taken than the
    /// burst and what the span has brought. It knows no bucket.
    fn may_take(limit: Limit, taken_us: &[u64], now_us: u64) -> bool {
        let all: Vec<_> = taken_us.iter().copied().chain([now_us]).collect();
        (0..all.len()).all(|first| {
            let count = u64::try_from(all.len() - first).unwrap();
            let brought = u128::from(now_us - all[first]) * u128::from(limit.rate());
            let beyond = count.saturating_sub(limit.burst().into());
            u128::from(beyond) * u128::from(limit.period_us()) <= brought
        })
    }

    fn limits() -> impl Strategy<Value = Limit> {
        let period_s = prop_oneof![Just(1), Just(60), Just(PERIOD_SECS_MAX)];
        let tokens = || prop_oneof![1..20_u32, Just(TOKENS_MAX)];
        (tokens(), period_s, 1..20_u32, 1..5_u32)
            .prop_map(|(rate, s, burst, tasks)| Limit::of(rate, s, burst).shared_by(tasks))
    }

    proptest! {
        #[test]
        fn a_bucket_admits_exactly_what_its_limit_says(
            limit in limits(),
            pauses_us in proptest::collection::vec(
                prop_oneof![Just(0), 1..2_000_u64, 0..2_000_000_u64, Just(4_000_000_000)], 1..120),
        ) {
            let start_us = 1_700_000_000_000_000;
            let (mut now_us, mut bucket) = (start_us, Bucket::full(limit, start_us));
            let mut taken_us = Vec::new();
            for pause_us in pauses_us {
                now_us += pause_us;
                let may = may_take(limit, &taken_us, now_us);
                let before = bucket;
                let taken;
                (bucket, taken) = bucket.take(limit, now_us);
                prop_assert_eq!(taken.admitted, may);
                if may {
                    taken_us.push(now_us);
                } else {
                    let wait = u64::try_from(taken.retry_after.as_micros()).unwrap();
                    prop_assert!(before.take(limit, now_us + wait).1.admitted);
                    prop_assert!(!before.take(limit, now_us + wait - 1).1.admitted);
                }
                prop_assert!(taken.remaining <= limit.burst());
                let full_in = u64::try_from(taken.full_in.as_micros()).unwrap();
                prop_assert!(bucket.is_full(limit, now_us + full_in));
            }
        }
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing_and_takes_nothing() {
        let limit = Limit::per_second(1, 1);
        let (bucket, taken) = Bucket::full(limit, 5 * MICROS).take(limit, 5 * MICROS);
        assert!(taken.admitted);
        let (bucket, taken) = bucket.take(limit, 4 * MICROS);
        assert!(!taken.admitted);
        assert!(bucket.take(limit, 6 * MICROS).1.admitted);
    }

    #[test]
    fn a_limit_that_is_lowered_holds_at_once() {
        let (high, low) = (Limit::per_second(100, 100), Limit::per_second(1, 2));
        let mut bucket = Bucket::full(high, 0);
        let mut admitted = 0;
        for _ in 0..10 {
            let taken;
            (bucket, taken) = bucket.take(low, 0);
            admitted += u32::from(taken.admitted);
        }
        assert_eq!(admitted, 2);
    }

    #[test]
    fn shares_add_up() {
        let limit = Limit::per_second(10, 40).shared_by(4);
        assert_eq!((limit.rate(), limit.period_us(), limit.burst()), (10, 4 * MICROS, 10));
        assert_eq!(Limit::per_second(1, 1).shared_by(0), Limit::per_second(1, 1));
    }

    #[test]
    fn a_limit_is_read_as_it_is_written() {
        for text in ["20/s:40", "5/m:10", "1000000/h:1"] {
            assert_eq!(text.parse::<Limit>().map(|limit| limit.to_string()), Ok(text.to_owned()));
        }
        let bad = ["", "20", "20/s", "20/s:", "0/s:1", "1/s:0", "1/d:1", "+1/s:1", "1000001/s:1"];
        for text in bad {
            assert_eq!(text.parse::<Limit>(), Err(BadLimit(text.to_owned())), "{text}");
        }
    }
}
