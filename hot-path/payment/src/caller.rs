//! Who may see a payment.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use lmall_domain::CustomerId;
use lmall_web::{Operator, OperatorToken, Problem, extract::X_OPERATOR_TOKEN};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An operator: sees every payment.
    Operator,
    /// A customer: sees the payments of their orders.
    Customer(CustomerId),
}

impl Caller {
    /// Whether the caller may see the payment of an order that belongs to `owner`, if to anybody.
    pub(crate) fn may_see(&self, owner: Option<&CustomerId>) -> bool {
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
        let lmall_web::CustomerId(id) =
            lmall_web::CustomerId::from_request_parts(parts, state).await?;
        Ok(Self::Customer(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_seen_by_its_customer_and_by_operators() {
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
