//! Who may see what belongs to a customer.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use lmall_domain::CustomerId;

use crate::{
    extract::{self, Operator, OperatorToken, X_OPERATOR_TOKEN},
    problem::Problem,
};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An operator: sees everybody's.
    Operator,
    /// A customer: sees their own.
    Customer(CustomerId),
}

impl Caller {
    /// Whether the caller may see what belongs to `owner`, if to anybody.
    #[must_use]
    pub fn may_see(&self, owner: Option<&CustomerId>) -> bool {
        match self {
            Self::Operator => true,
            Self::Customer(id) => owner == Some(id),
        }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    OperatorToken: FromRef<S>,
{
    type Rejection = Problem;

    /// A token that is shown must be right: a wrong one is never overlooked.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.headers.contains_key(X_OPERATOR_TOKEN) {
            let Operator = Operator::from_request_parts(parts, state).await?;
            return Ok(Self::Operator);
        }
        let extract::CustomerId(id) = extract::CustomerId::from_request_parts(parts, state).await?;
        Ok(Self::Customer(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_customers_is_seen_by_them_and_by_operators() {
        let [ann, bob] = ["ann", "bob"].map(|id| id.parse::<CustomerId>().unwrap());
        let rows = [
            (Caller::Operator, Some(&ann), true),
            (Caller::Operator, None, true),
            (Caller::Customer(ann.clone()), Some(&ann), true),
            (Caller::Customer(bob), Some(&ann), false),
            (Caller::Customer(ann.clone()), None, false),
        ];
        for (caller, owner, seen) in rows {
            assert_eq!(caller.may_see(owner), seen, "{caller:?} {owner:?}");
        }
    }
}
