//! Money: whole minor units of one currency, checked.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "&'static str")]
pub struct Currency(iso_currency::Currency);

/// A code that ISO 4217 does not know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown currency code; ISO 4217, three capital letters, is expected")]
pub struct UnknownCurrency;

impl Currency {
    /// The currency with this three-letter code.
    ///
    /// # Errors
    /// [`UnknownCurrency`] when ISO 4217 has no such code.
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(UnknownCurrency)
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl TryFrom<Cow<'_, str>> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: Cow<'_, str>) -> Result<Self, Self::Error> {
        Self::from_code(&code)
    }
}

impl From<Currency> for &'static str {
    fn from(currency: Currency) -> Self {
        currency.code()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

/// An amount in whole minor units (cents for EUR, yen for JPY) of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
}

/// Arithmetic that has no right answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    /// The result does not fit.
    #[error("amount out of range")]
    Overflow,
    /// The operands are of two currencies.
    #[error("two currencies")]
    MixedCurrencies,
}

impl Money {
    /// `amount` minor units of `currency`.
    #[must_use]
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum of both.
    ///
    /// # Errors
    /// Two currencies, or a sum that does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies);
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }

    /// This amount `quantity` times.
    ///
    /// # Errors
    /// A product that does not fit.
    pub fn times(self, quantity: u32) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(i64::from(quantity)).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::from_code("EUR").unwrap())
    }

    #[test]
    fn arithmetic_is_checked() {
        let yen = Money::new(1, Currency::from_code("JPY").unwrap());
        assert_eq!(eur(1).plus(eur(2)), Ok(eur(3)));
        assert_eq!(eur(1).plus(yen), Err(MoneyError::MixedCurrencies));
        assert_eq!(eur(i64::MAX).plus(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(1999).times(3), Ok(eur(5997)));
        assert_eq!(eur(i64::MAX).times(2), Err(MoneyError::Overflow));
    }

    #[test]
    fn json_is_strict() {
        let check = |json: &str| serde_json::from_str::<Money>(json).ok();
        assert_eq!(check(r#"{"amount":1999,"currency":"EUR"}"#), Some(eur(1999)));
        for bad in [
            r#"{"amount":19.99,"currency":"EUR"}"#,
            r#"{"amount":"1999","currency":"EUR"}"#,
            r#"{"amount":1999,"currency":"eur"}"#,
            r#"{"amount":1999,"currency":"ZZZ"}"#,
            r#"{"amount":1999}"#,
            r#"{"amount":1,"currency":"EUR","extra":1}"#,
            r#"{"amount":9223372036854775808,"currency":"EUR"}"#,
        ] {
            assert_eq!(check(bad), None, "{bad}");
        }
    }
}
