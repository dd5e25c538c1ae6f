//! Which sessions have ended before their access tokens have.

use async_trait::async_trait;
use lmall_domain::{Timestamp, id::SessionId};

/// Revocations that cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("the revocations do not answer")]
pub struct RevocationError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Sessions whose access tokens are void. An access token is short-lived and is believed without
/// asking who made it; this is what ends it sooner.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// From now until `until`, when its last access token ends by itself, the session is void.
    ///
    /// # Errors
    /// When it may not be.
    async fn revoke(&self, session: &SessionId, until: Timestamp) -> Result<(), RevocationError>;

    /// Whether the session is void.
    ///
    /// # Errors
    /// When nobody knows.
    async fn is_revoked(&self, session: &SessionId) -> Result<bool, RevocationError>;
}
