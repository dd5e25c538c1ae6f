//! The sessions whose access tokens are void, on Redis: a key each, which ends with the last of
//! them.
//!
//! A Redis that has forgotten everything lets them in again until they end by themselves, ten
//! minutes at most.

use async_trait::async_trait;
use lmall_app::ports::{RevocationError, Revocations};
use lmall_domain::{Timestamp, id::SessionId};
use redis::cmd;

use super::connection::{CallError, Redis};

/// The revocations.
#[derive(Debug, Clone)]
pub struct RedisRevocations {
    redis: Redis,
}

impl RedisRevocations {
    /// The revocations on this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

#[async_trait]
impl Revocations for RedisRevocations {
    async fn revoke(&self, session: &SessionId, until: Timestamp) -> Result<(), RevocationError> {
        let mut set = cmd("SET");
        set.arg(key(session)).arg(1).arg("PXAT").arg(until.as_millis());
        self.redis.call::<()>(&set).await.map_err(failed)
    }

    async fn is_revoked(&self, session: &SessionId) -> Result<bool, RevocationError> {
        let mut exists = cmd("EXISTS");
        exists.arg(key(session));
        self.redis.call(&exists).await.map_err(failed)
    }
}

fn key(session: &SessionId) -> String {
    format!("lmall:revoked:{session}")
}

fn failed(error: CallError) -> RevocationError {
    RevocationError(Box::new(error))
}
