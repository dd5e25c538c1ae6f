//! Customers: they order, retry, pay once, twice, too little, too late, and change their minds.

use std::time::Duration;

use lmall_app::{
    Trace,
    order::{CancelOutcome, Idempotency, Orders, Place, PlaceError, Placed},
};
use lmall_domain::{
    CustomerId, Money, OrderId,
    event::CancelReason,
    order::{LineRequest, Order},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    Shop,
    plan::{eur, usd},
};
use crate::system::PAYMENT_TIMEOUT;

/// Streams of chance from here on belong to visits.
const STREAM: u64 = 1_000;

/// How long people take for what they do at once.
const SOON: Duration = Duration::from_secs(120);

/// What a customer does with an order.
#[derive(Debug, Clone, Copy)]
enum Habit {
    Pays,
    PaysInParts,
    PaysTooLittle,
    PaysTooMuch,
    PaysTwice,
    PaysForeign,
    PaysInBoth,
    FailsFirst,
    PaysLate,
    Cancels,
    PaysAndCancels,
    PaysPartAndCancels,
    IsPaidBack,
    Forgets,
}

/// How many of a hundred have each habit.
const HABITS: [(Habit, u32); 14] = [
    (Habit::Pays, 44),
    (Habit::PaysInParts, 5),
    (Habit::PaysTooLittle, 4),
    (Habit::PaysTooMuch, 4),
    (Habit::PaysTwice, 4),
    (Habit::PaysForeign, 2),
    (Habit::PaysInBoth, 2),
    (Habit::FailsFirst, 4),
    (Habit::PaysLate, 6),
    (Habit::Cancels, 5),
    (Habit::PaysAndCancels, 6),
    (Habit::PaysPartAndCancels, 3),
    (Habit::IsPaidBack, 3),
    (Habit::Forgets, 8),
];

impl Habit {
    fn drawn(rng: &mut ChaCha8Rng) -> Self {
        let mut left = rng.random_range(0..HABITS.iter().map(|(_, share)| share).sum::<u32>());
        for (habit, share) in HABITS {
            if left < share {
                return habit;
            }
            left -= share;
        }
        Self::Forgets
    }
}

/// A customer in the shop.
struct Visit {
    shop: Shop,
    rng: ChaCha8Rng,
    customer_id: CustomerId,
    key: Option<String>,
    lines: Vec<LineRequest>,
}

/// One visit, from beginning to end.
pub(super) async fn visit(shop: Shop, number: u64) {
    let mut visit = Visit::new(shop, number, number);
    let window = visit.shop.plan.window;
    visit.pause(Duration::ZERO, window).await;
    let Some(order) = visit.place().await else { return };
    visit.act(&order).await;
}

/// The same wish with the same key, long after.
pub(super) async fn come_back(shop: Shop, number: u64) {
    let mut visit = Visit::new(shop, number, 1_000_000 + number);
    visit.pause(Duration::ZERO, Duration::from_secs(60)).await;
    visit.place().await;
}

impl Visit {
    /// What a visitor wants depends on `number`, what chance does to them on `chance`.
    fn new(shop: Shop, number: u64, chance: u64) -> Self {
        let kernel = &shop.system.kernel;
        let mut rng = kernel.stream(STREAM + 2 * number);
        let customer_id = format!("customer-{}", rng.random_range(0..shop.plan.customers));
        let customer_id = customer_id.parse().expect("a customer id");
        // Keys are few enough that some are used twice, with another wish.
        let key = rng.random_ratio(8, 10).then(|| format!("key-{}", rng.random_range(0..60_u32)));
        let lines = lines(&shop, &mut rng);
        let rng = kernel.stream(STREAM + 2 * chance + 1);
        Self { shop, rng, customer_id, key, lines }
    }

    async fn pause(&mut self, from: Duration, to: Duration) {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(0);
        let pause = Duration::from_millis(self.rng.random_range(millis(from)..=millis(to)));
        self.shop.system.kernel.sleep(pause).await;
    }

    /// Places the order, and again while there is no answer; impatient ones twice at once.
    async fn place(&mut self) -> Option<Order> {
        if self.key.is_some() && self.rng.random_ratio(1, 10) {
            let (one, other) = futures_util::future::join(self.ask(), self.ask()).await;
            return one.or(other);
        }
        let tries = self.rng.random_range(1..=5);
        for _ in 0..tries {
            if let Some(order) = self.ask().await {
                return Some(order);
            }
            self.pause(Duration::from_millis(100), Duration::from_secs(20)).await;
        }
        None
    }

    async fn ask(&self) -> Option<Order> {
        let wish = Place {
            customer_id: self.customer_id.clone(),
            lines: self.lines.clone(),
            idempotency: self.key.clone().map(|key| Idempotency { key }),
            currency: None,
            trace: Trace::default(),
        };
        let oracle = &self.shop.oracle;
        oracle.asked(&self.customer_id, self.key.as_deref());
        let work = |orders: Orders| -> futures_util::future::BoxFuture<'static, _> {
            Box::pin(async move { orders.place(wish).await })
        };
        match self.shop.system.ask(work).await {
            Some(Ok(Placed { order, .. })) => {
                oracle.answered(&order.value, &self.customer_id, self.key.as_deref(), &self.lines);
                Some(order.value)
            }
            Some(Err(PlaceError::Rejected(rejection))) => {
                oracle.rejected(&self.lines, &rejection);
                None
            }
            Some(Err(PlaceError::KeyReused)) => {
                oracle.key_reused(&self.customer_id, self.key.as_deref(), &self.lines);
                None
            }
            Some(Err(PlaceError::NotAdmitted(reason))) => {
                panic!("no flash sale is simulated, and an order is refused: {reason}")
            }
            Some(Err(PlaceError::Failed(_))) | None => None,
        }
    }

    /// What a customer does with an order that exists.
    async fn act(&mut self, order: &Order) {
        let total = order.total.amount;
        match Habit::drawn(&mut self.rng) {
            Habit::Pays => self.pay_soon(order, eur(total)).await,
            Habit::PaysInParts => {
                self.pay(order, eur(total / 2));
                self.pay_soon(order, eur(total - total / 2)).await;
            }
            Habit::PaysTooLittle => drop(self.pay(order, eur((total / 3).max(1)))),
            Habit::PaysTooMuch => drop(self.pay(order, eur(total + 250))),
            Habit::PaysTwice => {
                self.pay(order, eur(total));
                self.pay_soon(order, eur(total)).await;
            }
            Habit::PaysForeign => drop(self.pay(order, usd(total))),
            Habit::PaysInBoth => {
                self.pay(order, eur(total));
                self.pay_soon(order, usd(total)).await;
            }
            Habit::FailsFirst => {
                self.fail(order);
                self.fail(order);
                self.pay_soon(order, eur(total)).await;
            }
            Habit::PaysLate => {
                // About when the order is canceled for not being paid, or its stock lapses.
                let about = Duration::from_secs(420);
                self.pause(PAYMENT_TIMEOUT.saturating_sub(about), PAYMENT_TIMEOUT + about).await;
                self.pay(order, eur(total));
            }
            Habit::Cancels => self.cancel(order.id).await,
            Habit::PaysAndCancels => {
                self.pay(order, eur(total));
                self.pause(Duration::ZERO, Duration::from_secs(3)).await;
                self.cancel(order.id).await;
            }
            Habit::PaysPartAndCancels => {
                self.pay(order, eur((total / 2).max(1)));
                self.pause(Duration::ZERO, SOON).await;
                self.cancel(order.id).await;
                self.pay(order, eur(total));
            }
            Habit::IsPaidBack => self.is_paid_back(order).await,
            Habit::Forgets => {}
        }
    }

    /// Pays, and somebody gives it back in the provider's dashboard, in halves.
    async fn is_paid_back(&mut self, order: &Order) {
        if self.rng.random_ratio(1, 3) {
            self.fail(order);
        }
        let payment = self.pay(order, order.total);
        for _ in 0..2 {
            self.pause(Duration::ZERO, Duration::from_secs(400)).await;
            // There may be nothing left to give back.
            let half = eur((order.total.amount / 2).max(1));
            self.shop.system.provider.refund_on_its_own(&payment, half).ok();
        }
    }

    async fn pay_soon(&mut self, order: &Order, amount: Money) {
        self.pause(Duration::ZERO, SOON).await;
        self.pay(order, amount);
    }

    fn pay(&self, order: &Order, amount: Money) -> lmall_domain::PaymentId {
        self.shop.system.provider.capture(order.id, amount).id
    }

    fn fail(&self, order: &Order) {
        self.shop.system.provider.fail(order.id, order.total);
    }

    async fn cancel(&mut self, id: OrderId) {
        for _ in 0..3 {
            let work = move |orders: Orders| -> futures_util::future::BoxFuture<'static, _> {
                Box::pin(async move {
                    orders.cancel(id, CancelReason::Customer, &Trace::default()).await
                })
            };
            match self.shop.system.ask(work).await {
                Some(Ok(CancelOutcome::Unknown)) => {
                    let text = format!("order {id} was answered, and is unknown");
                    self.shop.system.kernel.violate("I2", text);
                    return;
                }
                Some(Ok(_)) => return,
                Some(Err(_)) | None => {
                    self.pause(Duration::from_secs(1), Duration::from_secs(10)).await;
                }
            }
        }
    }
}

/// One to three lines, of which two may name the same SKU; now and then a wish that no shop can
/// grant.
fn lines(shop: &Shop, rng: &mut ChaCha8Rng) -> Vec<LineRequest> {
    let products = &shop.plan.products;
    let count = rng.random_range(1..=3);
    let mut lines: Vec<_> = (0..count)
        .map(|_| LineRequest {
            sku: products[rng.random_range(0..products.len())].0.clone(),
            quantity: rng.random_range(1..=3),
        })
        .collect();
    if rng.random_ratio(1, 50) {
        lines[0].sku = "unknown".parse().expect("a SKU");
    }
    if rng.random_ratio(1, 50) {
        lines[0].quantity = 0;
    }
    lines
}
