//! The payment deadlines on Redis: sorted sets, by the time at which an order is due.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use lmall_app::ports::{DeadlineError, Deadlines};
use lmall_domain::{OrderId, Timestamp};
use redis::{Cmd, cmd};

use super::connection::{CallError, Redis};

/// Sets over which the orders are spread, so that on a cluster no node has them all.
const SHARDS: u64 = 16;

/// The payment deadlines.
#[derive(Debug, Clone)]
pub struct RedisDeadlines {
    redis: Redis,
}

impl RedisDeadlines {
    /// The deadlines on this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    async fn change(&self, command: &Cmd) -> Result<(), DeadlineError> {
        self.redis.call(command).await.map_err(failed)
    }
}

#[async_trait]
impl Deadlines for RedisDeadlines {
    async fn set(&self, order_id: OrderId, pay_by: Timestamp) -> Result<(), DeadlineError> {
        let mut add = cmd("ZADD");
        add.arg(key(order_id.get() % SHARDS)).arg(pay_by.as_millis()).arg(order_id.get());
        self.change(&add).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, DeadlineError> {
        // All at once: on one connection they travel together.
        let shards = (0..SHARDS).map(async |shard| {
            let mut range = cmd("ZRANGEBYSCORE");
            range.arg(key(shard)).arg("-inf").arg(now.as_millis()).arg("WITHSCORES");
            range.arg("LIMIT").arg(0).arg(limit);
            self.redis.call::<Vec<(String, i64)>>(&range).await
        });
        let shards = try_join_all(shards).await.map_err(failed)?;
        let mut due: Vec<_> = shards.into_iter().flatten().map(|(id, at)| (at, id)).collect();
        due.sort_unstable();
        let ids = due.into_iter().take(limit).map(|(_, id)| id.parse().map_err(|_| strange()));
        ids.collect()
    }

    async fn forget(&self, order_id: OrderId) -> Result<(), DeadlineError> {
        let mut remove = cmd("ZREM");
        remove.arg(key(order_id.get() % SHARDS)).arg(order_id.get());
        self.change(&remove).await
    }
}

fn key(shard: u64) -> String {
    format!("lmall:deadlines:{{{shard}}}")
}

fn failed(error: CallError) -> DeadlineError {
    DeadlineError(Box::new(error))
}

fn strange() -> DeadlineError {
    failed(CallError::Strange)
}
