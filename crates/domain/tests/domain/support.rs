//! Values that read well in rows.

use std::time::Duration;

use lmall_domain::{Money, OrderId, PaymentId, ProviderName, Sku, Timestamp, money::Currency};

/// The order of tests that need one.
pub(crate) const ORDER: OrderId = OrderId::new(7_212_345_678_901).expect("in range");

/// When the order of [`ORDER`] was placed.
pub(crate) const PLACED: Timestamp = Timestamp::from_millis(1_768_386_600_000);

/// `seconds` after [`PLACED`].
pub(crate) fn at(seconds: u64) -> Timestamp {
    PLACED.after(Duration::from_secs(seconds))
}

pub(crate) fn eur(amount: i64) -> Money {
    money(amount, "EUR")
}

pub(crate) fn yen(amount: i64) -> Money {
    money(amount, "JPY")
}

fn money(amount: i64, currency: &str) -> Money {
    Money::new(amount, Currency::from_code(currency).expect("ISO 4217 has it"))
}

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().expect("a SKU")
}

pub(crate) fn provider(text: &str) -> ProviderName {
    text.parse().expect("a provider's name")
}

pub(crate) fn payment_id(text: &str) -> PaymentId {
    text.parse().expect("a provider's id")
}
