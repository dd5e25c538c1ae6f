//! A shop with one product, its customers, and everything that it runs on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lmall_app::{
    Trace,
    consumer::Options,
    ids::LeasedIds,
    ops::audit::{Auditor, Report},
    order::{Idempotency, Place, PlaceError},
    ports::{DeadLetter, DeadLetterFilter, DeadLetters},
    shutdown::{self, Trigger},
    stock::Level,
};
use lmall_aws::{Clients, DeadLetterBook, bus::create_messaging, dynamo::create_tables};
use lmall_domain::{
    Money, OrderId, Sku,
    catalogue::Offer,
    money::Currency,
    order::{LineRequest, Order, Status},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    bank::Bank,
    clock::ShopClock,
    process::{Nobody, Process},
    record::Log,
    relay,
    services::{Endpoints, Services, Shared, clients},
    setup::{Servers, Setup},
};

const SKU: &str = "tea-01";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a row is looked at that is to change.
pub(crate) const LOOK: Duration = Duration::from_millis(150);

/// How often the audit is run until everything is at rest.
const AUDIT: Duration = Duration::from_millis(500);

/// A shop that is open.
pub(crate) struct World {
    /// Dies first.
    pub(crate) process: Option<Process>,
    _tasks: JoinSet<()>,
    _stop: Trigger,
    /// Where the customers are served: what goes wrong goes wrong here.
    pub(crate) front: Services,
    /// Looks at everything, and nothing goes wrong with it.
    pub(crate) direct: Services,
    pub(crate) shared: Shared,
    pub(crate) endpoints: Endpoints,
    pub(crate) consumers: Options,
    pub(crate) units: i64,
    placed: AtomicU64,
    pub(crate) servers: Servers,
}

impl World {
    /// Opens one.
    pub(crate) async fn open(setup: Setup) -> Self {
        let mut servers = Servers::start(&setup);
        let straight = servers.straight();
        let clock = Arc::new(ShopClock::default());
        let (stream, records) = mpsc::unbounded_channel();
        let bank = Arc::new(Bank::new(clock.clone()));
        let (log, buckets) = (Arc::new(Log::new(stream)), setup.buckets);
        let shared = Shared { clock, bank, log, buckets, twice: setup.twice };
        create_tables(&clients(&straight.dynamo)).await.expect("tables");
        create_messaging(&clients(&straight.messaging)).await.expect("topics and queues");
        let direct = Services::new(&straight, &shared, Arc::new(Nobody));
        stock(&direct, setup.units).await;
        let endpoints = servers.go_wrong(&setup);
        let ids = LeasedIds::acquire(direct.store.clone(), shared.clock.clone()).await;
        let ids = Arc::new(ids.expect("a machine id"));
        let front = Services::new(&endpoints, &shared, ids.clone());
        shared.bank.calls(front.payments.clone());
        let (trigger, stop) = shutdown::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { ids.keep(stop).await });
        if setup.stream {
            tasks.spawn(relay::stream(front.relay.clone(), records));
        }
        if setup.sweeper {
            tasks.spawn(relay::sweep(front.relay.clone()));
        }
        let process = Some(Process::start(&endpoints, &shared, setup.consumers));
        Self {
            process,
            _tasks: tasks,
            _stop: trigger,
            front,
            direct,
            shared,
            endpoints,
            consumers: setup.consumers,
            units: setup.units,
            placed: AtomicU64::default(),
            servers,
        }
    }

    /// A customer orders, and tries again until there is an answer.
    pub(crate) async fn place(&self, customer: &str, quantity: u32) -> Order {
        let lines = vec![LineRequest { sku: sku(), quantity }];
        let wish = Place {
            customer_id: customer.parse().expect("a customer"),
            lines,
            idempotency: Some(Idempotency { key: "once".to_owned() }),
            currency: None,
            trace: Trace::default(),
        };
        let placed = soon("an order is placed", LOOK, async || {
            match self.front.orders.place(wish.clone()).await {
                Ok(placed) => Some(placed),
                Err(PlaceError::Failed(_)) => None,
                Err(error) => panic!("a good order is refused: {error}"),
            }
        });
        let order = placed.await.order.value;
        self.placed.fetch_add(1, Ordering::SeqCst);
        order
    }

    /// The customer pays what the order costs.
    pub(crate) async fn pay(&self, order: &Order) {
        self.shared.bank.capture(order.id, order.total).await;
    }

    /// Waits until the order is as wished.
    pub(crate) async fn until(
        &self,
        id: OrderId,
        what: &str,
        reached: impl Fn(&Order) -> bool,
    ) -> Order {
        soon(&format!("order {id}: {what}"), LOOK, async || {
            let order = self.direct.orders.load(id).await.ok()??.value;
            reached(&order).then_some(order)
        })
        .await
    }

    /// Waits until the order has this status.
    pub(crate) async fn reaches(&self, id: OrderId, status: Status) -> Order {
        self.until(id, &format!("{status:?}"), |order| order.status == status).await
    }

    /// The ledger.
    pub(crate) async fn level(&self) -> Level {
        let level = self.direct.inventory.level(&sku()).await.expect("the store is there");
        level.expect("the SKU has a ledger")
    }

    /// Requests that were answered with a no, or not at all.
    pub(crate) fn unanswered(&self) -> u64 {
        let process = self.process.as_ref().expect("it lives");
        let of = |services: &Services| {
            [&services.reading, &services.writing, &services.messaging]
                .map(|clients| clients.meter.read())
        };
        let all = [of(&self.front), of(&process.services)];
        let calls = all.iter().flatten().flat_map(|reading| &reading.calls);
        calls.map(|calls| calls.failures + calls.retries).sum()
    }

    /// The dead letters.
    pub(crate) async fn dead(&self) -> Vec<DeadLetter> {
        let all = DeadLetterFilter::default();
        self.book().list(&all, 100).await.expect("the book can be read")
    }

    /// The book of dead letters, that nothing goes wrong with.
    pub(crate) fn book(&self) -> DeadLetterBook {
        let Services { reading, messaging, .. } = &self.direct;
        let clients = Clients { dynamo: reading.dynamo.clone(), ..messaging.clone() };
        DeadLetterBook::new(&clients, self.shared.clock.clone())
    }

    /// Waits until nothing is under way and every invariant holds; then `sold` units are sold,
    /// none is reserved, the rest is there, and every consumer saw events in their order.
    pub(crate) async fn ends_well(&self, sold: i64) -> Report {
        let scan = Arc::new(self.direct.store.reading.clone());
        let letters = Arc::new(self.book());
        let (store, clock) = (self.direct.store.clone(), self.shared.clock.clone());
        let auditor = Auditor { store, scan, letters, clock };
        let until = Instant::now() + PATIENCE;
        let report = loop {
            let report = auditor.run().await.expect("everything can be read");
            if report.ok && report.at_rest {
                break report;
            }
            assert!(Instant::now() < until, "no rest, or no order: {report:#?}");
            tokio::time::sleep(AUDIT).await;
        };
        let level = self.level().await;
        let expected = Level { available: self.units - sold, reserved: 0, sold };
        assert_eq!(level, expected, "the ledger adds up");
        self.shared.log.assert_in_order();
        let looked_at = report.checks.get(1).expect("I2 is about orders").checked;
        assert_eq!(looked_at, self.placed.load(Ordering::SeqCst), "the audit saw every order");
        report
    }
}

/// Puts the product on sale.
async fn stock(services: &Services, units: i64) {
    let price = Money::new(1_000, Currency::from_code("EUR").expect("EUR is a currency"));
    let offer = Offer::new(sku(), "Tea".to_owned(), price).expect("an offer");
    services.orders.prepare().await.expect("the store is there");
    services.orders.learn(&offer).await.expect("the store is there");
    let reference = "first".parse().expect("a reference");
    let received = services.inventory.receive(&sku(), reference, units, None).await;
    received.expect("the store is there");
    services.inventory.prewarm().await.expect("everything answers");
}

/// The one product.
pub(crate) fn sku() -> Sku {
    SKU.parse().expect("a SKU")
}

/// Looks again and again until there is something.
pub(crate) async fn soon<T>(what: &str, pause: Duration, look: impl AsyncFn() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < until, "not in time: {what}");
        tokio::time::sleep(pause).await;
    }
}
