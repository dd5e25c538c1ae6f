//! One order in a shop at rest, and what it asked of AWS.

use std::{collections::BTreeMap, time::Duration};

use lmall_app::{ports::Table, topology::Queue};
use lmall_aws::meter::Reading;
use lmall_domain::order::{Order, Status, Stock};

use super::rows::{self, Rows};
use crate::{
    services::Services,
    setup::Setup,
    world::{World, soon},
};

/// What one order caused.
pub(super) struct Measured {
    /// Requests by service and operation.
    pub(super) requests: BTreeMap<(String, String), u64>,
    /// Half read units by table, as DynamoDB counts them.
    pub(super) half_reads: BTreeMap<Table, u64>,
    /// Half write units by table, as DynamoDB counts them.
    pub(super) half_writes: BTreeMap<Table, u64>,
    /// What was written.
    pub(super) rows: Rows,
    /// Receives that brought something, by queue.
    pub(super) receives: BTreeMap<Queue, u64>,
    /// Messages handed to consumers, by queue.
    pub(super) deliveries: BTreeMap<Queue, u64>,
    /// Messages published.
    pub(super) published: u64,
    /// Their sizes, each in whole KiB.
    pub(super) published_kib: u64,
}

impl Measured {
    /// Requests of this operation.
    pub(super) fn requests_of(&self, service: &str, operation: &str) -> u64 {
        self.requests.get(&(service.to_owned(), operation.to_owned())).copied().unwrap_or_default()
    }

    /// Whether no two messages shared a request: that is the dearest case, and the one to count.
    fn is_dearest(&self) -> bool {
        let messages = self.deliveries.values().sum::<u64>();
        let alone = |operation| self.requests_of("SQS", operation) == messages;
        alone("ReceiveMessage") && alone("DeleteMessageBatch")
    }
}

/// Buckets of the ledger: the most that a SKU may have.
pub(super) const BUCKETS: u8 = 64;

pub(super) async fn measure() -> Measured {
    let setup = Setup {
        dynamo_local: true,
        sweeper: false,
        buckets: BUCKETS,
        units: 10 * i64::from(BUCKETS),
        ..Setup::default()
    };
    let world = World::open(setup).await;
    // Connections stand and scripts are loaded after the first one.
    buy(&world, "anna").await;
    world.ends_well(1).await;
    // On a busy machine a request may be sent again, or two messages come together: that is no
    // shop at rest.
    for (sold, customer) in (2..).zip(["bert", "carl", "dora", "emil", "fina"]) {
        // What an order a moment ago had read would not be read again.
        world.shared.clock.pass(Duration::from_secs(2));
        world.shared.log.clear();
        let before = Readings::of(&world);
        let order = buy(&world, customer).await;
        world.ends_well(sold).await;
        let after = Readings::of(&world);
        let measured = measured(&world, &order, &before, &after);
        if before.failures() == after.failures() && measured.is_dearest() {
            return measured;
        }
    }
    panic!("something fails in a shop at rest, or messages come together, five times");
}

/// One unit of one SKU: placed, held, paid, confirmed.
async fn buy(world: &World, customer: &str) -> Order {
    let order = world.place(customer, 1).await;
    world.until(order.id, "held", |order| order.stock == Stock::Held).await;
    soon("the payment is expected", Duration::from_millis(50), async || {
        world.direct.payments.load(order.id).await.ok()?
    })
    .await;
    world.pay(&order).await;
    world.until(order.id, "sold", |order| order.stock == Stock::Sold).await;
    world.reaches(order.id, Status::Confirmed).await
}

/// What the meters of all processes say.
struct Readings {
    reading: Vec<Reading>,
    writing: Vec<Reading>,
    messaging: Vec<Reading>,
}

impl Readings {
    fn of(world: &World) -> Self {
        let process = world.process.as_ref().expect("it lives");
        let all = [&world.front, &process.services];
        let read = |of: fn(&Services) -> Reading| all.into_iter().map(of).collect();
        Self {
            reading: read(|services| services.reading.meter.read()),
            writing: read(|services| services.writing.meter.read()),
            messaging: read(|services| services.messaging.meter.read()),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Reading> {
        self.reading.iter().chain(&self.writing).chain(&self.messaging)
    }

    fn requests(&self) -> BTreeMap<(String, String), u64> {
        let mut sums = BTreeMap::new();
        for calls in self.all().flat_map(|reading| &reading.calls) {
            let name = (calls.service.clone(), calls.operation.clone());
            *sums.entry(name).or_default() += calls.requests + calls.retries;
        }
        sums
    }

    fn failures(&self) -> u64 {
        self.all()
            .flat_map(|reading| &reading.calls)
            .map(|calls| calls.failures + calls.retries)
            .sum()
    }
}

fn half_units(world: &World, readings: &[Reading]) -> BTreeMap<Table, u64> {
    let site = &world.front.writing.site;
    let of = |table| {
        let units = readings.iter().filter_map(|each| each.half_units.get(&site.table(table)));
        (table, units.sum())
    };
    Table::ALL.into_iter().map(of).collect()
}

fn since<K: Ord + Clone>(before: &BTreeMap<K, u64>, after: BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let more = |(name, sum): (K, u64)| {
        let grown = sum - before.get(&name).copied().unwrap_or_default();
        (grown > 0).then_some((name, grown))
    };
    after.into_iter().filter_map(more).collect()
}

fn measured(world: &World, order: &Order, before: &Readings, after: &Readings) -> Measured {
    let log = &world.shared.log;
    let receives = log.full_receives.lock().clone();
    let mut requests = since(&before.requests(), after.requests());
    // A poll that brings nothing is not the order's: it is there without orders, too.
    let receive = ("SQS".to_owned(), "ReceiveMessage".to_owned());
    requests.insert(receive, receives.values().sum());
    let mut deliveries = BTreeMap::new();
    for sight in log.sights.lock().iter() {
        *deliveries.entry(sight.queue).or_default() += 1;
    }
    let published = log.published.lock();
    let count = |count: usize| u64::try_from(count).expect("a few");
    let units = |before: &[Reading], after: &[Reading]| {
        since(&half_units(world, before), half_units(world, after))
    };
    Measured {
        requests,
        half_reads: units(&before.reading, &after.reading),
        half_writes: units(&before.writing, &after.writing),
        rows: rows::written(&log.commits.lock(), order.id),
        receives,
        deliveries,
        published: count(published.len()),
        published_kib: published.iter().map(|each| count(each.body.len().div_ceil(1_024))).sum(),
    }
}
