//! Access tokens: what the user service says of who calls, and the gateway believes.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, id::SessionId};

/// Who makes the tokens, unless an installation says otherwise.
pub const ISSUER: &str = "lmall";

/// Who the tokens are for.
pub const AUDIENCE: &str = "lmall";

/// How long an access token is good for, in seconds: as long as a session that was ended may
/// still be used where revocations cannot be read.
pub const LIFE_SECS: i64 = 600;

/// The claims of an access token (RFC 7519). Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it.
    pub iss: String,
    /// Who it is for: [`AUDIENCE`].
    pub aud: String,
    /// Whose it is.
    pub sub: CustomerId,
    /// The session that it belongs to: a family of refresh tokens.
    pub sid: SessionId,
    /// When it was made.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
}
