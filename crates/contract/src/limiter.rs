//! What every rate limiter promises, whatever clock it goes by.

use std::time::{Duration, Instant};

use lmall_app::ports::{BucketId, RateLimiter};
use lmall_domain::limit::{Limit, Taken};

async fn take(limiter: &dyn RateLimiter, name: &str, limit: Limit) -> Taken {
    limiter.take(&BucketId::new(name), limit).await.expect("it answers")
}

/// A bucket gives its burst and then says when there is more; no other bucket is touched.
///
/// # Panics
/// When the promise is broken.
pub async fn bursts(limiter: &dyn RateLimiter) {
    let limit = Limit::per_minute(1, 3);
    for left in [2, 1, 0] {
        let taken = take(limiter, "a", limit).await;
        assert!(taken.admitted && taken.remaining == left, "{taken:?}");
    }
    for _ in 0..2 {
        let refused = take(limiter, "a", limit).await;
        assert!(!refused.admitted && refused.remaining == 0, "{refused:?}");
        let [minute, second] = [60, 1].map(Duration::from_secs);
        assert!((minute - second..=minute).contains(&refused.retry_after), "{refused:?}");
        assert!((3 * minute - second..=3 * minute).contains(&refused.full_in), "{refused:?}");
    }
    assert!(take(limiter, "b", limit).await.admitted, "another bucket");
    assert!(take(limiter, "a", Limit::per_minute(1, 2)).await.retry_after > Duration::ZERO);
}

/// Numbers at the bounds stay exact.
///
/// # Panics
/// When the promise is broken.
pub async fn bounds(limiter: &dyn RateLimiter) {
    for text in ["1/h:1000000", "1000000/h:1000000", "1000000/s:1"] {
        let limit: Limit = text.parse().expect("a limit");
        let taken = take(limiter, text, limit).await;
        assert!(taken.admitted && taken.remaining == limit.burst() - 1, "{text}: {taken:?}");
        let token = Duration::from_micros(limit.period_us().div_ceil(limit.rate().into()));
        assert!(taken.full_in <= token, "{text}: {taken:?}");
    }
}

/// Whoever asks as fast as they can for a while, on all of these at once, gets what the limit
/// says, within one in a hundred.
///
/// The burst has to be more than comes in while this machine does something else.
///
/// # Panics
/// When the promise is broken.
pub async fn rates(limiters: &[&dyn RateLimiter], limit: Limit, lasting: Duration) {
    let opened = Instant::now();
    assert!(take(limiters[0], "busy", limit).await.admitted, "a full bucket");
    let began = Instant::now();
    let callers = limiters.iter().flat_map(|limiter| [*limiter; 4]).map(async |limiter| {
        let (mut admitted, mut asked) = (0_u32, began);
        while asked.duration_since(began) < lasting {
            asked = Instant::now();
            admitted += u32::from(take(limiter, "busy", limit).await.admitted);
        }
        (admitted, asked)
    });
    let callers = futures_util::future::join_all(callers).await;
    let admitted = callers.iter().map(|(admitted, _)| u128::from(*admitted)).sum::<u128>() + 1;
    let last_asked = callers.iter().map(|(_, asked)| *asked).max().unwrap_or(began);
    let brought = |passed: Duration| {
        passed.as_micros() * u128::from(limit.rate()) / u128::from(limit.period_us())
    };
    let burst = u128::from(limit.burst());
    let most = burst + brought(opened.elapsed()) + 1;
    assert!(admitted <= most, "{admitted}, and no more than {most} were there");
    let least = burst + brought(last_asked - began) * 99 / 100;
    assert!(admitted + 1 >= least, "{admitted}, and {least} had to be");
}
