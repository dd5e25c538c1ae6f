//! How much CPU and time a saga's traffic costs: 12 changesets and 9 deliveries.
//!
//! `throughput [seconds] [tasks] [sagas a second] [directory]`: at most so many sagas, 0 for as
//! many as there can be. Six changesets write an aggregate, a dedupe row
//! and an outbox row; a relay publishes these and marks each row sent; consumers of every queue
//! receive and delete. Nothing else is done, so what is measured is store and bus.

#![expect(clippy::print_stdout, reason = "a program for a person at a terminal")]
#![expect(clippy::float_arithmetic, reason = "averages for a person")]
#![expect(clippy::as_conversions, reason = "averages for a person")]

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use lmall_app::{
    Changeset, OutboxRow, Refusal, Trace,
    ports::{Bus, Index, IndexEntry, Key, NewRow, Store, Table},
    topology::Queue,
};
use lmall_domain::{
    EventId, OrderId, Timestamp,
    event::{EventType, Topic},
};
use lmall_embedded::{Embedded, SqliteBus, SqliteStore};
use lmall_runtime::SystemClock;
use tokio::task::JoinSet;

/// What a saga writes: each is a changeset and an event. Nine deliveries come of the six.
const STEPS: [(EventType, Table); 6] = [
    (EventType::OrderCreated, Table::Order),
    (EventType::InventoryReserved, Table::Inventory),
    (EventType::PaymentCaptured, Table::Payment),
    (EventType::OrderCancelRequested, Table::Order),
    (EventType::InventoryConfirmed, Table::Inventory),
    (EventType::PaymentFailed, Table::Payment),
];

struct Load {
    store: Arc<SqliteStore>,
    bus: Arc<SqliteBus>,
    next: AtomicU64,
    sagas: AtomicU64,
    deliveries: AtomicU64,
    stop: AtomicBool,
    commit_us: parking_lot::Mutex<Histogram<u64>>,
}

fn now() -> Timestamp {
    lmall_app::ports::Clock::now(&SystemClock::default())
}

impl Load {
    async fn commit(&self, changeset: Changeset) {
        let start = Instant::now();
        self.store.commit(changeset).await.expect("the disk has room");
        let us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.commit_us.lock().saturating_record(us);
    }

    async fn saga(&self) {
        let id = OrderId::new(7_212_345_678_000_000_000 + self.next.fetch_add(1, Relaxed) * 4096)
            .expect("in range");
        let partition = id.to_string();
        let mut seqs = [0; 3];
        for (step, (event_type, table)) in STEPS.into_iter().enumerate() {
            let seq = &mut seqs[table as usize];
            *seq += 1;
            let key = Key::new(table, partition.as_str(), "order");
            self.store.get(&key).await.expect("readable");
            self.commit(changeset(id, &partition, step, event_type, table, *seq)).await;
        }
        self.sagas.fetch_add(1, Relaxed);
    }

    async fn relay(&self, table: Table) {
        let mut feed = self.store.outbox_feed(table);
        while let Some(rows) = feed.next_batch(64).await {
            for topic in [Topic::OrderEvents, Topic::PaymentEvents] {
                let messages: Vec<_> = rows
                    .iter()
                    .filter(|row| row.event_type.topic() == topic)
                    .map(OutboxRow::message)
                    .collect();
                if !messages.is_empty() {
                    for result in self.bus.publish(topic, messages).await {
                        result.expect("the disk has room");
                    }
                }
            }
            let marks = rows.iter().map(|row| self.commit(Changeset::new().put(row.sent(), 1)));
            futures_util::future::join_all(marks).await;
        }
    }

    async fn consume(&self, queue: Queue) {
        loop {
            let wait = Duration::from_millis(200);
            let deliveries = self.bus.receive(queue, 10, wait, Duration::from_secs(30)).await;
            let deliveries = deliveries.expect("the disk has room");
            if deliveries.is_empty() {
                continue;
            }
            self.deliveries.fetch_add(u64::try_from(deliveries.len()).unwrap_or(0), Relaxed);
            let receipts = deliveries.into_iter().map(|delivery| delivery.receipt).collect();
            self.bus.delete(queue, receipts).await.expect("the disk has room");
        }
    }
}

fn changeset(
    id: OrderId,
    partition: &str,
    step: usize,
    event_type: EventType,
    table: Table,
    seq: u32,
) -> Changeset {
    let text = |length: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(length));
    let entry = |index, partition: String, sort: String| IndexEntry { index, partition, sort };
    let due = format!("{:015}#{id}", now().as_millis());
    // The second event of each service is its last.
    let open = (seq == 1).then(|| entry(Index::Open, (id.get() % 16).to_string(), due));
    let row = NewRow {
        key: Key::new(table, partition, "order"),
        body: text(590).into_bytes(),
        indexes: open.into_iter().collect(),
        expires_at: None,
    };
    let dedupe = NewRow {
        key: Key::new(table, partition, format!("dedupe#{id}-order-{step}")),
        body: br#"{"processed_at":"2026-01-14T10:30:00.123Z"}"#.to_vec(),
        indexes: Vec::new(),
        expires_at: Some(lmall_app::changeset::dedupe_expiry(now())),
    };
    let outbox = OutboxRow {
        event_id: EventId::of(id, event_type.service(), seq),
        aggregate_id: id.into(),
        seq,
        event_type,
        envelope: text(490).into(),
        created_at: now(),
        trace: Trace { correlation_id: Some("0190-abcd-ef01-2345".into()), traceparent: None },
    };
    Changeset::new()
        .insert(dedupe, Refusal::AlreadyHandled)
        .put(row, u64::from(seq) - 1)
        .event(Some(outbox))
}

fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: u64 =
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    ticks as f64 / 100.0
}

fn written_kb() -> u64 {
    let io = fs::read_to_string("/proc/self/io").expect("Linux");
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    bytes.and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn rss_mb() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) / 256
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let tasks = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(64);
    let rate: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let dir = arguments
        .next()
        .map_or_else(|| std::env::temp_dir().join("lmall-throughput"), PathBuf::from);
    // Not there the first time.
    let _ = fs::remove_dir_all(&dir);
    let embedded = Embedded::open(&dir, Arc::new(SystemClock::default())).expect("a new directory");
    let load = Arc::new(Load {
        store: embedded.store(),
        bus: embedded.bus(),
        next: AtomicU64::new(1),
        sagas: AtomicU64::new(0),
        deliveries: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        commit_us: parking_lot::Mutex::new(
            Histogram::new_with_max(60_000_000, 3).expect("three digits"),
        ),
    });
    let mut relays = JoinSet::new();
    for table in Table::ALL {
        let load = Arc::clone(&load);
        relays.spawn(async move { load.relay(table).await });
    }
    for queue in Queue::ALL {
        for _ in 0..8 {
            let load = Arc::clone(&load);
            relays.spawn(async move { load.consume(queue).await });
        }
    }
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut customers = JoinSet::new();
    for _ in 0..tasks {
        let load = Arc::clone(&load);
        let pause = Duration::from_secs(1).checked_div(rate).unwrap_or_default() * tasks;
        customers.spawn(async move {
            let mut next = tokio::time::Instant::now();
            while !load.stop.load(Relaxed) {
                load.saga().await;
                next += pause;
                tokio::time::sleep_until(next).await;
            }
        });
    }
    let mut wal_max = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        wal_max = wal_max.max(load.store.stats().wal_bytes);
    }
    load.stop.store(true, Relaxed);
    while customers.join_next().await.is_some() {}
    while load.deliveries.load(Relaxed) < load.sagas.load(Relaxed) * 9 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    report(&load, start.elapsed().as_secs_f64(), cpu_seconds() - cpu, wal_max);
    drop(relays);
    embedded.close();
}

fn report(load: &Load, seconds: f64, cpu: f64, wal_max: u64) {
    let stats = load.store.stats();
    let sagas = load.sagas.load(Relaxed) as f64;
    let latency = load.commit_us.lock();
    println!("sagas/s           {:.0}", sagas / seconds);
    println!("changesets/s      {:.0}", stats.changesets as f64 / seconds);
    println!("changesets/saga   {:.1}", stats.changesets as f64 / sagas);
    println!("deliveries/saga   {:.1}", load.deliveries.load(Relaxed) as f64 / sagas);
    println!("commits/s         {:.0}", stats.commits as f64 / seconds);
    println!("jobs/commit       {:.1}", stats.jobs as f64 / stats.commits as f64);
    println!("CPU/saga          {:.3} ms", cpu / sagas * 1000.0);
    println!("written/saga      {:.0} KiB", written_kb() as f64 / sagas);
    println!("CPU               {:.0} %", cpu / seconds * 100.0);
    println!("commit p50        {:.2} ms", latency.value_at_quantile(0.5) as f64 / 1000.0);
    println!("commit p99        {:.2} ms", latency.value_at_quantile(0.99) as f64 / 1000.0);
    println!("commit p99.9      {:.2} ms", latency.value_at_quantile(0.999) as f64 / 1000.0);
    println!("commit max        {:.2} ms", latency.max() as f64 / 1000.0);
    println!("WAL at most       {} MiB", wal_max / 1_048_576);
    println!("checkpoints       {}", stats.checkpoints);
    println!("RSS               {} MB", rss_mb());
}
