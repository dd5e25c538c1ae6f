//! A shop with one product, whose clock stands still and whose process may die.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    OutboxRow, Trace,
    catalogue::{Catalogue, ReviewWish},
    consumer::{Consumer, Incoming},
    ops::audit::Auditor,
    order::{Idempotency, Orders, Place},
    payment::{Payments, Provider, Providers, Scheme, Secret, Webhook, sign},
    ports::{
        Admissions, Clock, GateAnswer, Message, NoId, OrderIds, Scan, StockGate, Store, Table,
    },
    row,
    stock::Inventory,
    waiting::AdmissionKeys,
};
use lmall_domain::{
    AggregateId, CustomerId, EventId, Money, OrderId, Sku, Timestamp,
    catalogue::{Change, Offer, Pricing, Rating, Stars},
    event::{
        CancelReason, CustomerErased, CustomerMerged, Envelope, Event, OrderConfirmed,
        OrderCreated, ProductChanged, SkuQuantity,
    },
    money::Currency,
    order::LineRequest,
    payment::{Payment, Progress},
    stock::State,
    waiting::{Outcome, Ticket},
};
use lmall_embedded::{Embedded, LocalGate};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::faults::{Faults, Faulty};

/// The one order.
pub(crate) const ORDER: u64 = 7_212_345_678_901;

const SKU: &str = "tea-01";
const SECRET: &str = "whsec_test";
const START_MS: i64 = 1_768_386_600_000;
const PAYMENT_TIMEOUT: Duration = Duration::from_secs(900);
const GRACE: Duration = Duration::from_secs(300);

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(START_MS)
}

pub(crate) fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::from_code("EUR").expect("EUR is a currency"))
}

/// A clock that moves only when told to.
struct StillClock(AtomicI64);

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

struct OneId;

impl OrderIds for OneId {
    fn next(&self) -> Result<OrderId, NoId> {
        OrderId::new(ORDER).ok_or(NoId)
    }
}

pub(crate) struct World {
    pub(crate) faults: Arc<Faults>,
    embedded: Embedded,
    ports: Arc<Faulty>,
    clock: Arc<StillClock>,
    orders: Orders,
    inventory: Inventory,
    payments: Payments,
    catalogue: Catalogue,
    _dir: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let clock = Arc::new(StillClock(AtomicI64::new(START_MS)));
        let embedded = Embedded::open(dir.path(), clock.clone()).expect("a new store opens");
        let faults = Arc::<Faults>::default();
        let gate = Mutex::new(Arc::new(LocalGate::default()));
        let ports = Arc::new(Faulty { faults: Arc::clone(&faults), store: embedded.store(), gate });
        let orders = Orders::new(
            ports.clone(),
            ports.clone(),
            clock.clone(),
            Arc::new(OneId),
            lmall_app::order::Settings { payment_timeout: PAYMENT_TIMEOUT },
        );
        let orders = orders.with_admissions(admission_keys());
        orders.prepare().await.expect("the store is there");
        let stock = lmall_app::stock::Settings { reservation_grace: GRACE, buckets: 2 };
        let inventory = Inventory::new(ports.clone(), ports.clone(), clock.clone(), stock);
        let provider = Provider {
            name: "demo".parse().expect("a name"),
            scheme: Scheme::Generic,
            secrets: vec![Secret::new(SECRET)],
        };
        let providers = Arc::new(Providers::new(vec![provider]).expect("a usable provider"));
        let payments = Payments::new(ports.clone(), ports.clone(), clock.clone(), providers);
        let copies = Arc::new(orders.clone());
        let catalogue = Catalogue::new(ports.clone(), clock.clone(), copies);
        let _dir = dir;
        Self { faults, embedded, ports, clock, orders, inventory, payments, catalogue, _dir }
    }

    /// The process is started again: the gate is new, and built from the ledger.
    pub(crate) async fn restart(&mut self) {
        self.faults.arm(None);
        *self.ports.gate.lock() = Arc::new(LocalGate::default());
        self.inventory.prewarm().await.expect("the gate can be built");
    }

    /// Does it while no call reaches the gate, which then is as it was before.
    pub(crate) async fn unheard(
        &self,
        act: impl AsyncFnOnce(&Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let gate = std::mem::take(&mut *self.ports.gate.lock());
        let done = act(self).await;
        *self.ports.gate.lock() = gate;
        done
    }

    /// The gate holds two units for the order, whatever the ledger says.
    pub(crate) async fn hold(&self) -> Result<(), String> {
        let (sku, id) = (sku(), order_id());
        let held = self.ports.hold(&sku, id, 2).await.map_err(text)?;
        if matches!(held, GateAnswer::Granted(_)) { Ok(()) } else { Err(format!("{held:?}")) }
    }

    /// The gate forgets what it holds for the order.
    pub(crate) async fn forget(&self) -> Result<(), String> {
        self.ports.settle(&sku(), order_id()).await.map_err(text)
    }

    /// By how many units the gate differed from the ledger, if it had to be rebuilt.
    pub(crate) async fn check_drift(&self) -> Option<i64> {
        let drift = self.inventory.check_drift().await.expect("everything answers");
        assert_eq!((drift.checked, drift.unknown), (1, 0), "one SKU, and the gate knows it");
        drift.drifted.first().map(|(_, units)| *units)
    }

    /// The units that can be had and those that are held: by the gate, then by the ledger.
    pub(crate) async fn gate_and_ledger(&self) -> [(i64, i64); 2] {
        let gate = self.ports.snapshot(&sku()).await.expect("the gate answers");
        let gate = gate.expect("the gate knows the SKU");
        let held = gate.holds.iter().map(|(_, units)| units).sum();
        let level = self.inventory.level(&sku()).await.expect("the store is there");
        let level = level.expect("the SKU has a ledger");
        [(gate.available, held), (level.available, level.reserved)]
    }

    pub(crate) async fn reservation_state(&self) -> Option<State> {
        let reservation = self.inventory.reservation(order_id()).await;
        reservation.expect("the store is there").map(|row| row.value.state)
    }

    /// All rows of all tables, as text.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for table in Table::ALL {
            let items = self.embedded.store().scan(table, None, 10_000).await;
            for item in items.expect("the store is there") {
                let body = String::from_utf8_lossy(&item.body).into_owned();
                rows.push(format!("{:?} {} {}: {body}", table, item.key.partition, item.key.sort));
            }
        }
        rows
    }

    /// The types of all events in the outboxes, table by table, in the order of writing; then
    /// the stock: available, reserved, sold.
    pub(crate) async fn outcome(&self) -> Vec<String> {
        let mut events = Vec::new();
        for table in Table::ALL {
            let items = self.embedded.store().scan(table, None, 10_000).await;
            for item in items.expect("the store is there") {
                if item.key.sort.starts_with(OutboxRow::SORT_PREFIX) {
                    let (row, _) = OutboxRow::from_body(&item.body).expect("an outbox row");
                    events.push(row.event_type.name().to_owned());
                }
            }
        }
        let level = self.inventory.level(&sku()).await;
        let level = level.expect("the store is there").unwrap_or_default();
        events.push(format!("{}/{}/{}", level.available, level.reserved, level.sold));
        events
    }

    /// What the audit says of stock, money and numbering: the rest needs a system at rest.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let auditor = Auditor {
            store: self.embedded.store(),
            scan: self.embedded.store(),
            letters: self.embedded.bus(),
            clock: self.clock.clone(),
        };
        let report = auditor.run().await.expect("everything can be read");
        report.checks.into_iter().flat_map(|check| check.violations).collect()
    }

    /// The refunds of the payment: how much, and how far.
    pub(crate) async fn progress(&self) -> Vec<(i64, Progress)> {
        let key = row::payment_key(order_id());
        let item = self.embedded.store().get(&key).await.expect("it can be read");
        let payment = row::decode::<Payment>(&item.expect("it is known")).expect("a payment");
        let refunds = payment.value.refunds.iter();
        refunds.map(|refund| (refund.amount.amount, refund.progress)).collect()
    }

    pub(crate) async fn stock(&self, units: i64) -> Result<(), String> {
        let offer = Offer::new(sku(), "Tea".to_owned(), eur(1_000)).expect("an offer");
        self.orders.learn(&offer).await.map_err(text)?;
        self.receive("first", units).await
    }

    pub(crate) async fn adjust(&self, units: i64) -> Result<(), String> {
        self.receive("second", units).await
    }

    async fn receive(&self, reference: &str, units: i64) -> Result<(), String> {
        let reference = reference.parse().expect("a reference");
        self.inventory.receive(&sku(), reference, units, None).await.map_err(text).map(drop)
    }

    pub(crate) async fn begin_flash_sale(&self) -> Result<(), String> {
        self.orders.set_flash(&sku(), true).await.map_err(text).map(drop)
    }

    /// Ends the admission, which must come to this.
    pub(crate) async fn end_admission(&self, expected: Outcome) -> Result<(), String> {
        let outcome = self.orders.end(&ticket()).await.map_err(text)?;
        if outcome == expected { Ok(()) } else { Err(format!("{outcome:?}")) }
    }

    /// Two units of the one product, with an idempotency key.
    pub(crate) async fn place(&self) -> Result<(), String> {
        self.place_with(None).await
    }

    /// The same, by who was let through.
    pub(crate) async fn place_admitted(&self) -> Result<(), String> {
        self.place_with(admission_keys().sign(&ticket()).as_deref()).await
    }

    async fn place_with(&self, token: Option<&str>) -> Result<(), String> {
        let wish = Place {
            customer_id: "anna".parse().expect("a customer"),
            lines: vec![LineRequest { sku: sku(), quantity: 2 }],
            idempotency: Some(Idempotency { key: "once".to_owned() }),
            currency: None,
            trace: Trace::default(),
        };
        self.orders.place_admitted(wish, token).await.map_err(text).map(drop)
    }

    pub(crate) async fn placed(&self, units: i64) -> Result<(), String> {
        self.stock(units).await?;
        self.place().await
    }

    pub(crate) async fn cancel_order(&self, reason: CancelReason) -> Result<(), String> {
        self.orders.cancel(order_id(), reason, &Trace::default()).await.map_err(text).map(drop)
    }

    pub(crate) async fn to_order(&self, seq: u32, event: Event) -> Result<(), String> {
        self.orders.handle(incoming(seq, event)).await.map_err(text)
    }

    pub(crate) async fn to_stock(&self, seq: u32, event: Event) -> Result<(), String> {
        self.inventory.handle(incoming(seq, event)).await.map_err(text)
    }

    pub(crate) async fn to_payment(&self, seq: u32, event: Event) -> Result<(), String> {
        self.payments.handle(incoming(seq, event)).await.map_err(text)
    }

    pub(crate) async fn to_product(&self, seq: u32, event: Event) -> Result<(), String> {
        self.catalogue.handle(incoming(seq, event)).await.map_err(text)
    }

    /// The customer is gone.
    pub(crate) async fn erase(&self) -> Result<(), String> {
        self.catalogue.handle(of_customer(customer(), CustomerErased {}.into())).await.map_err(text)
    }

    /// Right before that port call, another process hears that this customer is gone.
    pub(crate) fn erased_before(&self, call: usize, customer_id: CustomerId) {
        let (store, copies) = (self.embedded.store(), Arc::new(self.orders.clone()));
        let catalogue = Catalogue::new(store, self.clock.clone(), copies);
        let erased = of_customer(customer_id, CustomerErased {}.into());
        self.faults.meanwhile(call, async move {
            catalogue.handle(erased).await.expect("nothing is in its way");
        });
    }

    /// The customer's account is part of Bob's from now on.
    pub(crate) async fn merge(&self) -> Result<(), String> {
        let merged = CustomerMerged { into: bob() };
        self.catalogue.handle(of_customer(customer(), merged.into())).await.map_err(text)
    }

    /// An operator says what the tea costs.
    pub(crate) async fn put_tea(&self, amount: i64) -> Result<(), String> {
        let (name, price) = ("Tea".to_owned(), eur(amount));
        let change = Change::Put { name, price, description: None, categories: None };
        self.catalogue.change(&sku(), &change, &Trace::default()).await.map_err(text).map(drop)
    }

    /// What the order service thinks that the tea costs, and by which version.
    pub(crate) async fn copied_price(&self) -> Option<(i64, u32)> {
        let offer = self.orders.offer(&sku()).await.expect("the store is there")?;
        Some((offer.pricing.base.amount, offer.version))
    }

    /// The event of that version of the tea reaches the order service.
    pub(crate) async fn hear_of_tea(&self, version: u32, amount: i64) -> Result<(), String> {
        let pricing = Pricing::fixed(eur(amount));
        let changed = ProductChanged { version, name: "Tea".to_owned(), pricing };
        let row = OutboxRow::new(sku(), version, changed.into(), now(), Trace::default());
        let incoming = Incoming::decode(&row.message()).expect("a message of our own");
        self.orders.handle(incoming).await.map_err(text)
    }

    pub(crate) async fn review(&self, stars: i64) -> Result<(), String> {
        self.review_of(customer(), stars).await
    }

    /// Bob, who is Anna as well, says how good the tea is.
    pub(crate) async fn bob_reviews(&self, stars: i64) -> Result<(), String> {
        self.review_of(bob(), stars).await
    }

    async fn review_of(&self, customer_id: CustomerId, stars: i64) -> Result<(), String> {
        let rating = Rating::new(stars).expect("a rating");
        let (author, text_of) = ("Anna".to_owned(), "Good.".to_owned());
        let wish = ReviewWish { sku: sku(), customer_id, author, rating, text: text_of };
        self.catalogue.review(&wish).await.map_err(text).map(drop)
    }

    /// The counts of reviews, and how many there are.
    pub(crate) async fn stars(&self) -> ([i64; 5], usize) {
        let stars = self.catalogue.stars(&sku()).await.expect("the store is there");
        let reviews = self.catalogue.reviews(&sku(), None, 10).await.expect("the store is there");
        let Stars { one, two, three, four, five } = stars;
        ([one, two, three, four, five], reviews.0.len())
    }

    /// What is bought together with the tea.
    pub(crate) async fn together(&self) -> Vec<(String, u64)> {
        let found = self.catalogue.bought_with(&sku(), 10).await.expect("the store is there");
        found.into_iter().map(|with| (with.sku.to_string(), with.orders)).collect()
    }

    pub(crate) async fn reserve(&self) -> Result<(), String> {
        self.to_stock(1, created()).await
    }

    pub(crate) async fn expect_payment(&self) -> Result<(), String> {
        self.to_payment(1, created()).await
    }

    /// The reservation's time passes.
    pub(crate) async fn lapse(&self) -> Result<(), String> {
        let lapsed = now().after(PAYMENT_TIMEOUT + GRACE + Duration::from_secs(1));
        self.clock.0.store(lapsed.as_millis(), Ordering::SeqCst);
        let freed = self.inventory.expire_lapsed().await.map_err(text);
        self.clock.0.store(START_MS, Ordering::SeqCst);
        freed.map(drop)
    }

    pub(crate) async fn webhook(&self, id: &str, kind: &str, amount: i64) -> Result<(), String> {
        self.webhook_of(&format!("pay_{id}"), id, kind, amount).await
    }

    pub(crate) async fn webhook_of(
        &self,
        payment_id: &str,
        id: &str,
        kind: &str,
        amount: i64,
    ) -> Result<(), String> {
        let body = format!(
            r#"{{"id":"{id}","type":"{kind}","created":"2026-01-14T10:31:00Z","data":{{
            "order_id":"{ORDER}","payment_id":"{payment_id}","amount":{amount},"currency":"EUR"}}}}"#
        );
        let headers = sign(&Secret::new(SECRET), body.as_bytes(), self.clock.now());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let webhook = Webhook { headers: &headers, body: body.as_bytes() };
        let received = self.payments.receive("demo", webhook, &Trace::default()).await;
        received.map_err(text).map(drop)
    }
}

fn sku() -> Sku {
    SKU.parse().expect("a SKU")
}

pub(crate) fn admission_keys() -> AdmissionKeys {
    AdmissionKeys::parse(&format!("a:{}", "5a".repeat(32))).expect("a key")
}

/// Anna's, for two units.
fn ticket() -> Ticket {
    Ticket {
        sku: sku(),
        customer_id: "anna".parse().expect("a customer"),
        opened_at: now(),
        place: 0,
        quantity: 2,
        expires_at: now().after(Duration::from_secs(60)),
    }
}

fn order_id() -> OrderId {
    OrderId::new(ORDER).expect("an order id")
}

/// What the user service says of a customer.
fn of_customer(customer_id: CustomerId, event: Event) -> Incoming {
    let row = OutboxRow::new(customer_id, 1, event, now(), Trace::default());
    Incoming::decode(&row.message()).expect("a message of our own")
}

pub(crate) fn customer() -> CustomerId {
    "anna".parse().expect("a customer")
}

pub(crate) fn bob() -> CustomerId {
    "bob".parse().expect("a customer")
}

/// An order of Bob's, of tea alone, is paid and held.
pub(crate) fn confirmed_of_bob() -> Event {
    let lines = vec![SkuQuantity { sku: sku(), quantity: 1 }];
    OrderConfirmed { customer_id: Some(bob()), lines, refund_due: None }.into()
}

/// The order is paid and held. It has a cup, too.
pub(crate) fn confirmed() -> Event {
    let cup = SkuQuantity { sku: "cup".parse().expect("a SKU"), quantity: 1 };
    let lines = vec![cup, SkuQuantity { sku: sku(), quantity: 2 }];
    OrderConfirmed { customer_id: Some(customer()), lines, refund_due: None }.into()
}

fn created() -> Event {
    OrderCreated {
        customer_id: customer(),
        lines: vec![SkuQuantity { sku: sku(), quantity: 2 }],
        total: eur(2_000),
        pay_by: now().after(PAYMENT_TIMEOUT),
    }
    .into()
}

/// The `seq`-th event of the service that writes such events.
fn incoming(seq: u32, event: Event) -> Incoming {
    let aggregate_id = AggregateId::from(order_id());
    let event_type = event.event_type();
    let event_id = EventId::of(aggregate_id.clone(), event_type.service(), seq);
    let envelope = Envelope {
        event_id: event_id.clone(),
        occurred_at: now(),
        aggregate_id: aggregate_id.clone(),
        event,
    };
    let message = Message {
        group: aggregate_id.to_string().into(),
        dedup_id: event_id.as_str().into(),
        event_type: event_type.name().into(),
        body: envelope.to_json().into(),
        trace: Trace::default(),
        replays: 0,
    };
    Incoming::decode(&message).expect("it was encoded just now")
}

fn text(error: impl std::error::Error) -> String {
    lmall_app::failure::chain(&error)
}
