//! Who signs access tokens.

use lmall_domain::{Timestamp, customer::token::Claims};

/// A token that cannot be signed.
#[derive(Debug, thiserror::Error)]
#[error("access tokens cannot be signed")]
pub struct SignError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Signs access tokens.
pub trait AccessTokens: Send + Sync {
    /// The token with these claims.
    ///
    /// # Errors
    /// When there is no key that signs at `now`.
    fn sign(&self, claims: &Claims, now: Timestamp) -> Result<String, SignError>;
}
