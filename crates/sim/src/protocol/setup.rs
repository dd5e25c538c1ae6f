//! What every run begins with: one product, its price, and the deadlines.

use std::time::Duration;

use lmall_domain::{
    CustomerId, Money, OrderId, ProviderName, Sku, Timestamp, catalogue::Offer, money::Currency,
};

use super::state::Moment;

/// Of one unit, and so of an order. It can be halved.
const PRICE: i64 = 200;
const PLACED_AT: Timestamp = Timestamp::from_millis(1_768_386_600_000);
const TO_PAY: Duration = Duration::from_secs(1_800);
const GRACE: Duration = Duration::from_secs(300);

/// Values that no step changes.
pub(super) struct Setup {
    pub(super) customer_id: CustomerId,
    pub(super) sku: Sku,
    pub(super) offer: Offer,
    pub(super) provider: ProviderName,
    pub(super) foreign: Currency,
}

impl Setup {
    pub(super) fn new() -> Self {
        let currency = |code| Currency::from_code(code).expect("ISO 4217 has it");
        let sku: Sku = "tea".parse().expect("a SKU");
        let price = Money::new(PRICE, currency("EUR"));
        Self {
            customer_id: "ada".parse().expect("a customer id"),
            offer: Offer::new(sku.clone(), "Tea".to_owned(), price).expect("an offer"),
            sku,
            provider: "acme".parse().expect("a provider's name"),
            foreign: currency("JPY"),
        }
    }

    pub(super) fn order_id(case: usize) -> OrderId {
        let number = u64::try_from(case + 1).expect("a few orders");
        OrderId::new(number).expect("more than zero")
    }

    pub(super) const fn placed_at() -> Timestamp {
        PLACED_AT
    }

    pub(super) fn pay_by() -> Timestamp {
        PLACED_AT.after(TO_PAY)
    }

    pub(super) const fn grace() -> Duration {
        GRACE
    }

    pub(super) fn time(moment: Moment) -> Timestamp {
        match moment {
            Moment::BeforePayBy => PLACED_AT,
            Moment::AfterPayBy => Self::pay_by(),
            Moment::AfterExpiry => Self::pay_by().after(GRACE),
        }
    }
}
