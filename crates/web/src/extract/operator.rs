//! Operator routes, and the token that opens them.

use std::{fmt, ops::Deref, sync::Arc};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderName, request::Parts};
use parking_lot::RwLock;
use subtle::ConstantTimeEq;

use super::headers::{Values, values};
use crate::problem::Problem;

/// The header that carries the operator's token.
pub const X_OPERATOR_TOKEN: HeaderName = HeaderName::from_static("x-operator-token");

/// Proof that an operator calls: 401 without a token, 403 with a wrong one or with several.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

/// The token that operators must show; an empty one matches nothing. It can be replaced while
/// requests come in, and clones see that.
#[derive(Clone)]
pub struct OperatorToken(Arc<RwLock<Arc<str>>>);

/// The state of a router that has operator routes: what its handlers work with, and the token.
///
/// A clone is one more reference.
pub struct Guarded<T>(Arc<(T, OperatorToken)>);

impl OperatorToken {
    /// Takes the secret.
    #[must_use]
    pub fn new(token: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(RwLock::new(token.into())))
    }

    /// Asks for this secret from now on: how it is rotated.
    pub fn replace(&self, token: impl Into<Arc<str>>) {
        *self.0.write() = token.into();
    }

    /// The secret, for showing it to another service.
    #[must_use]
    pub fn expose(&self) -> Arc<str> {
        self.0.read().clone()
    }

    /// Compares in a time that depends on the lengths only.
    fn matches(&self, shown: &[u8]) -> bool {
        let token = self.expose();
        !token.is_empty() && bool::from(token.as_bytes().ct_eq(shown))
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(redacted)")
    }
}

impl<T> Guarded<T> {
    /// Puts the two together.
    pub fn new(parts: T, token: OperatorToken) -> Self {
        Self(Arc::new((parts, token)))
    }
}

impl<T> Clone for Guarded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T> FromRef<Guarded<T>> for OperatorToken {
    fn from_ref(state: &Guarded<T>) -> Self {
        state.0.1.clone()
    }
}

impl<S> FromRequestParts<S> for Operator
where
    S: Send + Sync,
    OperatorToken: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match values(parts, &X_OPERATOR_TOKEN) {
            Values::None => Err(Problem::unauthenticated()),
            Values::One(shown) if OperatorToken::from_ref(state).matches(shown.as_bytes()) => {
                Ok(Self)
            }
            Values::One(_) | Values::Many => Err(Problem::forbidden()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_matches_nothing() {
        assert!(OperatorToken::new("a").matches(b"a"));
        assert!(!OperatorToken::new("").matches(b""));
    }

    #[test]
    fn a_token_that_is_replaced_opens_nothing_any_more() {
        let token = OperatorToken::new("old");
        let seen_by_a_router = token.clone();
        token.replace("new");
        assert!(seen_by_a_router.matches(b"new") && !seen_by_a_router.matches(b"old"));
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", OperatorToken::new("opensesame")).contains("opensesame"));
    }
}
