//! Token buckets on Redis, so that all tasks together admit what a limit says.

use std::time::Duration;

use async_trait::async_trait;
use lmall_app::ports::{BucketId, LimiterError, RateLimiter};
use lmall_domain::limit::{Limit, Taken};
use tokio::time::timeout;

use super::{
    connection::{CallError, Redis},
    script,
};

/// The longest wait for an answer: every request waits for it, and whoever is told that there is
/// none goes on without.
const ANSWER_WITHIN: Duration = Duration::from_millis(50);

/// The buckets.
#[derive(Debug, Clone)]
pub struct RedisLimiter {
    redis: Redis,
}

impl RedisLimiter {
    /// The buckets on this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take(&self, bucket: &BucketId, limit: Limit) -> Result<Taken, LimiterError> {
        let key = format!("lmall:limit:{{{}}}", bucket.name());
        let run = self.redis.run(&script::LIMIT, &key, |call| {
            call.arg(limit.rate()).arg(limit.period_us()).arg(limit.burst());
        });
        let answer = timeout(ANSWER_WITHIN, run).await.unwrap_or(Err(CallError::Late));
        let (admitted, remaining, retry_after_us, full_in_us): (u8, u32, u64, u64) =
            answer.map_err(|error| LimiterError(Box::new(error)))?;
        Ok(Taken {
            admitted: admitted == 1,
            remaining,
            retry_after: Duration::from_micros(retry_after_us),
            full_in: Duration::from_micros(full_in_us),
        })
    }
}
