//! Money on the wire.

use lmall_domain::money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in whole minor units (cents for EUR, yen for JPY) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    #[schema(example = 1999)]
    pub amount: i64,
    /// ISO 4217.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
}

impl From<lmall_domain::Money> for Money {
    fn from(money: lmall_domain::Money) -> Self {
        Self { amount: money.amount, currency: money.currency }
    }
}

impl From<Money> for lmall_domain::Money {
    fn from(money: Money) -> Self {
        Self::new(money.amount, money.currency)
    }
}
