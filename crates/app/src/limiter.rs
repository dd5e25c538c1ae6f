//! Rate limiters that need no network: the one of a single process, and what a task does on its
//! own while the one that all tasks share is away.

mod shared;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use async_trait::async_trait;
use lmall_domain::limit::{Bucket, Limit, Taken};
use parking_lot::Mutex;

use crate::ports::{BucketId, Clock, LimiterError, RateLimiter};

pub use shared::SharedLimiter;

/// Locks: many more than there are threads, so that two requests rarely meet at one.
const SHARDS: usize = 16;

/// Buckets that are kept: each takes some 150 bytes, so all of them some 15 MB.
const BUCKETS_MAX: usize = 100_000;

/// The buckets of one process, in memory.
///
/// When there are too many, those that are full are forgotten, which changes nothing; and if that
/// is not enough, half of the rest: whoever comes from a hundred thousand addresses at a time is
/// not stopped by a limit per address.
pub struct LocalLimiter {
    shards: [Mutex<HashMap<BucketId, (Limit, Bucket)>>; SHARDS],
    hasher: RandomState,
    clock: Arc<dyn Clock>,
}

impl LocalLimiter {
    /// A limiter all of whose buckets are full.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, hasher: RandomState::new(), clock }
    }

    /// Takes a token from the bucket, if there is one.
    #[must_use]
    pub fn take_now(&self, id: &BucketId, limit: Limit) -> Taken {
        let now_us = u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX);
        let mut shard = self.shard(id).lock();
        if let Some((known_limit, bucket)) = shard.get_mut(id) {
            let (next, taken) = bucket.take(limit, now_us);
            (*known_limit, *bucket) = (limit, next);
            return taken;
        }
        make_room(&mut shard, now_us);
        let (bucket, taken) = Bucket::full(limit, now_us).take(limit, now_us);
        shard.insert(id.clone(), (limit, bucket));
        taken
    }

    fn shard(&self, id: &BucketId) -> &Mutex<HashMap<BucketId, (Limit, Bucket)>> {
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let shard = usize::try_from(self.hasher.hash_one(id) % shards).unwrap_or(0);
        &self.shards[shard]
    }
}

#[async_trait]
impl RateLimiter for LocalLimiter {
    async fn take(&self, bucket: &BucketId, limit: Limit) -> Result<Taken, LimiterError> {
        Ok(self.take_now(bucket, limit))
    }
}

fn make_room(shard: &mut HashMap<BucketId, (Limit, Bucket)>, now_us: u64) {
    const ROOM: usize = BUCKETS_MAX / SHARDS;
    if shard.len() < ROOM {
        return;
    }
    shard.retain(|_, (limit, bucket)| !bucket.is_full(*limit, now_us));
    if shard.len() > ROOM / 2 {
        let mut keep = false;
        shard.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_of_full_buckets_first() {
        let limit = Limit::per_second(1, 1);
        let mut shard = HashMap::new();
        for number in 0..BUCKETS_MAX / SHARDS {
            // One in three is empty.
            let mut bucket = Bucket::full(limit, 0);
            if number % 3 == 0 {
                (bucket, _) = bucket.take(limit, 0);
            }
            shard.insert(BucketId::new(number.to_string()), (limit, bucket));
        }
        let all = shard.len();
        make_room(&mut shard, 0);
        assert_eq!(shard.len(), all.div_ceil(3), "the empty ones are kept");
        for (_, bucket) in shard.values_mut() {
            (*bucket, _) = Bucket::full(limit, 0).take(limit, 0);
        }
        for number in 0..BUCKETS_MAX / SHARDS {
            let (empty, _) = Bucket::full(limit, 0).take(limit, 0);
            shard.insert(BucketId::new(format!("b{number}")), (limit, empty));
            make_room(&mut shard, 0);
            assert!(shard.len() <= BUCKETS_MAX / SHARDS, "{}", shard.len());
        }
    }
}
