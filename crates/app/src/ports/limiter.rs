//! How often somebody may ask.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_domain::limit::{Limit, Taken};

/// Whose tokens they are: what is limited, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketId(Arc<str>);

impl BucketId {
    /// The bucket of that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// A limiter that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the rate limiter does not answer")]
pub struct LimiterError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Token buckets. One that nobody has taken from for as long as it takes to fill is full, so an
/// adapter may forget it.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes a token from the bucket, if there is one.
    ///
    /// # Errors
    /// When it does not answer; then a token may have been taken.
    async fn take(&self, bucket: &BucketId, limit: Limit) -> Result<Taken, LimiterError>;
}
