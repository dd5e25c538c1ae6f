//! What a seed is like: how many want what, and how much of it there is.

use std::time::Duration;

use lmall_domain::{Money, Sku, money::Currency};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::aws::stream::Order;

/// The size and shape of a seed's workload.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Customers.
    pub customers: u32,
    /// Visits of customers; most place an order.
    pub orders: u64,
    /// Things that operators do.
    pub operator_actions: u64,
    /// What is sold, and how much of each there is at first.
    pub products: Vec<(Sku, Money, i64)>,
    /// The time in which all of them come.
    pub window: Duration,
    /// Into how many buckets a SKU is split.
    pub buckets: u8,
    /// What the change streams keep in order.
    pub stream: Order,
    /// Whether there is time for what comes a day or two weeks late.
    pub is_long: bool,
}

/// Money in the shop's currency.
pub(super) fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::from_code("EUR").expect("EUR is a currency"))
}

/// Money in another one.
pub(super) fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::from_code("USD").expect("USD is a currency"))
}

impl Plan {
    /// What the seed draws.
    #[must_use]
    pub fn drawn(rng: &mut ChaCha8Rng) -> Self {
        let orders = match rng.random_range(0..10_u32) {
            0 | 1 => rng.random_range(3..=20),
            2..=7 => rng.random_range(90..=210),
            _ => rng.random_range(180..=300),
        };
        let skus = rng.random_range(1..=4_u32);
        let products = (1..=skus)
            .map(|number| {
                let sku = format!("sku-{number}").parse().expect("a SKU");
                let price = eur(rng.random_range(1..=50) * 100);
                let wanted = i64::try_from(orders).unwrap_or(0) / i64::from(skus);
                // Scarce, just enough, or plenty.
                let units = match rng.random_range(0..4_u32) {
                    0 => rng.random_range(0..=5),
                    1 | 2 => wanted + rng.random_range(0..=10),
                    _ => wanted * 5 + 20,
                };
                (sku, price, units)
            })
            .collect();
        Self {
            customers: rng.random_range(2..=12),
            orders,
            operator_actions: rng.random_range(0..=30),
            products,
            window: Duration::from_secs(rng.random_range(1..=60) * 60),
            buckets: rng.random_range(1..=3),
            stream: if rng.random_ratio(1, 3) { Order::OfItem } else { Order::OfPartition },
            is_long: rng.random_range(0..4_u32) == 0,
        }
    }
}
