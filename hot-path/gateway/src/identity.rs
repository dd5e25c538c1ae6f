//! Who calls: what a client says of itself is taken away, and what its token proves put in place.

mod headers;
mod keys;
mod revoked;
mod token;

use std::sync::Arc;

use http::HeaderMap;
use lmall_app::{
    failure::chain,
    ports::{Clock, Revocations},
};
use lmall_domain::{CustomerId, id::SessionId};
use lmall_web::Problem;

pub(crate) use headers::{assert_caller, client_address_header, strip_claims};
pub use keys::{Jwks, JwksError, KeysAt};
pub use token::TokenFailure;

use keys::Keys;
use revoked::Revoked;
use token::{bearer, checked};

/// How callers are known.
pub enum Identity {
    /// As they say: for a trial, and for tests. Everybody can be anybody.
    Direct,
    /// By their access token.
    Token(Box<Verifier>),
}

/// Verifies access tokens.
pub struct Verifier {
    issuer: String,
    keys: Keys,
    revoked: Revoked,
    clock: Arc<dyn Clock>,
}

/// Who calls, as a token proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The customer.
    pub customer: CustomerId,
    /// The session that the token belongs to.
    pub session: SessionId,
}

/// Why it is not known who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unidentified {
    /// The token proves nothing.
    Bad(TokenFailure),
    /// What is needed to tell is away: the keys, or the revocations.
    Away,
}

impl Verifier {
    /// Believes tokens of this issuer that are signed with one of these keys, as long as their
    /// session is not revoked.
    #[must_use]
    pub fn new(
        issuer: String,
        jwks: Arc<dyn Jwks>,
        revocations: Arc<dyn Revocations>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let keys = Keys::new(jwks, Arc::clone(&clock));
        let revoked = Revoked::new(revocations, Arc::clone(&clock));
        Self { issuer, keys, revoked, clock }
    }

    /// Who calls with these headers; nobody, when they bear no token.
    ///
    /// # Errors
    /// [`Unidentified`]; a token that is shown is never overlooked.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, Unidentified> {
        match bearer(headers).map_err(Unidentified::Bad)? {
            Some(token) => self.verify(token).await.map(Some),
            None => Ok(None),
        }
    }

    /// Who calls with this token.
    ///
    /// # Errors
    /// [`Unidentified`].
    pub async fn verify(&self, token: &str) -> Result<Caller, Unidentified> {
        let kid = token::key_id(token).map_err(Unidentified::Bad)?;
        let key = self.keys.find(&kid).await.map_err(|away| {
            tracing::warn!(error = chain(&away), "no token can be verified");
            Unidentified::Away
        })?;
        let key = key.ok_or(Unidentified::Bad(TokenFailure::UnknownKey))?;
        let now = self.clock.now();
        let claims = token::signed(token, &key)
            .and_then(|claims| checked(claims, &self.issuer, now))
            .map_err(Unidentified::Bad)?;
        match self.revoked.has(&claims.sid).await {
            Ok(false) => Ok(Caller { customer: claims.sub, session: claims.sid }),
            Ok(true) => Err(Unidentified::Bad(TokenFailure::Revoked)),
            Err(error) => {
                tracing::warn!(error = chain(&error), "no session can be looked up");
                Err(Unidentified::Away)
            }
        }
    }
}

impl Unidentified {
    /// What the client reads.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::Bad(TokenFailure::Expired) => {
                Problem::unauthenticated().detail("the access token has expired")
            }
            Self::Bad(_) => Problem::unauthenticated().detail("the access token is not valid"),
            Self::Away => Problem::unavailable().detail("who is calling cannot be told now"),
        }
    }
}
