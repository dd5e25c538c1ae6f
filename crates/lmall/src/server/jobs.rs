//! Everything that runs without being asked: consumers, relays, schedules.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use lmall_app::{
    consumer::{self, Consumer, HandleError, Incoming, Options, Runtime},
    failure::chain,
    ports::{Clock, Spawn, Table},
    relay::{Relay, SWEEP_AGE},
    shutdown::Shutdown,
    topology::Queue,
};
use lmall_domain::event::EventType;
use lmall_embedded::{Embedded, OutboxFeed, SqliteStore, SystemClock};
use lmall_web::{Counter, Metrics};
use tokio::task::JoinSet;

use super::wiring::Shop;

/// How consumers run on the embedded bus: its receives cost little, so they are large.
const CONSUMER: Options = Options {
    batch: 64,
    groups: 256,
    wait: Duration::from_secs(20),
    visibility: Duration::from_secs(30),
};

/// Events that a relay publishes at once.
const RELAY_BATCH: usize = 256;

/// The pause before a relay tries again what the bus did not take.
const RELAY_PAUSE: Duration = Duration::from_millis(200);

/// How often what is due is looked for.
const PROMPT: Duration = Duration::from_secs(1);

/// How often what should not be there is looked for.
const CERTAIN: Duration = Duration::from_secs(60);

/// Rows looked at in one run of the purge.
const PURGE_ROWS: usize = 10_000;

/// Starts everything; it ends after `stop`.
pub(super) fn start(
    shop: &Shop,
    embedded: &Embedded,
    metrics: &Metrics,
    stop: Shutdown,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let consumers: [Arc<dyn Consumer>; 4] = [
        Arc::new(shop.orders.clone()),
        Arc::new(shop.inventory.clone()),
        Arc::new(shop.payments.clone()),
        Arc::new(Analytics::new(metrics)),
    ];
    let runtime =
        Runtime { bus: shop.bus.clone(), clock: shop.clock.clone(), spawn: Arc::new(TokioSpawn) };
    for consumer in consumers {
        tasks.spawn(consumer::run(consumer, runtime.clone(), CONSUMER, stop.clone()));
    }
    for table in Table::ALL {
        let feed = embedded.store().outbox_feed(table);
        tasks.spawn(relay(shop.relay.clone(), table, feed, shop.clock.clone(), stop.clone()));
    }
    schedules(shop, &mut tasks, &stop);
    let (ids, lease_stop) = (shop.ids.clone(), stop);
    tasks.spawn(async move { ids.keep(lease_stop).await });
    count_store(metrics, shop.store.clone());
    tasks
}

/// Tasks of the surrounding tokio runtime.
struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

fn schedules(shop: &Shop, tasks: &mut JoinSet<()>, stop: &Shutdown) {
    let mut every = |period, name, run: fn(Shop) -> BoxedRun| {
        tasks.spawn(schedule(shop.clone(), period, name, run, stop.clone()));
    };
    every(PROMPT, "cancel overdue orders", |shop| {
        Box::pin(async move { Ok(shop.orders.cancel_overdue().await?) })
    });
    every(PROMPT, "expire reservations", |shop| {
        Box::pin(async move { Ok(shop.inventory.expire_lapsed().await?) })
    });
    every(CERTAIN, "sweep the outbox", |shop| {
        Box::pin(async move {
            let mut found = 0;
            for table in Table::ALL {
                found += shop.relay.sweep(table, SWEEP_AGE).await?;
            }
            Ok(found)
        })
    });
    every(CERTAIN, "chase refunds", |shop| {
        Box::pin(async move { Ok(shop.payments.chase_refunds().await?) })
    });
    every(CERTAIN, "replay dead letters", |shop| {
        Box::pin(async move {
            let done = shop.replayer.run_ladder().await?;
            Ok(done.replayed + done.parked)
        })
    });
    every(CERTAIN, "check the stock gate", |shop| {
        Box::pin(async move { Ok(shop.inventory.check_drift().await?.drifted.len()) })
    });
    every(CERTAIN, "purge expired rows", |shop| {
        Box::pin(async move { Ok(shop.store.purge_expired(shop.clock.now(), PURGE_ROWS).await?) })
    });
}

type BoxedRun = BoxFuture<'static, anyhow::Result<usize>>;

/// Runs a job again and again: it looks at the whole state each time, so a run that is missed or
/// doubled is harmless.
async fn schedule(
    shop: Shop,
    period: Duration,
    name: &'static str,
    run: fn(Shop) -> BoxedRun,
    mut stop: Shutdown,
) {
    let clock = shop.clock.clone();
    while stop.pause(&*clock, period).await {
        match run(shop.clone()).await {
            Ok(0) => {}
            Ok(found) => tracing::info!(job = name, found, "job done"),
            Err(error) => tracing::warn!(job = name, error = format!("{error:#}"), "job failed"),
        }
    }
}

/// Publishes what the last process left, then what is committed, as it is committed.
async fn relay(
    relay: Relay,
    table: Table,
    mut feed: OutboxFeed,
    clock: Arc<SystemClock>,
    mut stop: Shutdown,
) {
    let mut sweep = true;
    loop {
        sweep |= feed.missed();
        if sweep {
            match relay.sweep(table, Duration::ZERO).await {
                Ok(_) => sweep = false,
                Err(failure) => {
                    let error = chain(&failure);
                    tracing::warn!(error, "the outbox cannot be swept");
                    if !stop.pause(&*clock, RELAY_PAUSE).await {
                        return;
                    }
                    continue;
                }
            }
        }
        let mut rows = tokio::select! {
            biased;
            rows = feed.next_batch(RELAY_BATCH) => match rows {
                Some(rows) => rows,
                None => return,
            },
            () = stop.fired() => return,
        };
        loop {
            rows = relay.publish(rows).await;
            if rows.is_empty() {
                break;
            }
            // What is left stays PENDING: the next start publishes it.
            if !stop.pause(&*clock, RELAY_PAUSE).await {
                return;
            }
        }
    }
}

/// Counts what the shop does, for `/metrics`. Not critical: it keeps no rows, so a message that
/// comes twice counts twice.
struct Analytics {
    counters: Vec<(EventType, Counter)>,
}

impl Analytics {
    fn new(metrics: &Metrics) -> Self {
        let counter = |kind: &EventType| {
            let labels = [("event_type", kind.name())];
            let help = "Events that the analytics consumer saw.";
            (*kind, metrics.counter_with("lmall_events_total", help, &labels))
        };
        Self { counters: Queue::Analytics.subscriptions().iter().map(counter).collect() }
    }
}

#[async_trait]
impl Consumer for Analytics {
    fn queue(&self) -> Queue {
        Queue::Analytics
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let kind = incoming.envelope.event.event_type();
        if let Some((_, counter)) = self.counters.iter().find(|(other, _)| *other == kind) {
            counter.inc();
        }
        Ok(())
    }
}

/// Shows the store's own counts at `/metrics`.
fn count_store(metrics: &Metrics, store: Arc<SqliteStore>) {
    let commits = metrics.counter(
        "lmall_store_commits_total",
        "Transactions of the data file, each made durable by one fsync.",
    );
    let changesets = metrics.counter(
        "lmall_store_changesets_total",
        "Changesets that took effect; many share a commit.",
    );
    let failures = metrics.counter(
        "lmall_store_failures_total",
        "Transactions that could not be made durable: a full or failing disk.",
    );
    let wal = metrics.gauge("lmall_store_wal_bytes", "Size of the write-ahead log.");
    metrics.on_scrape(Box::new(move || {
        let stats = store.stats();
        commits.add(stats.commits.saturating_sub(commits.get()));
        changesets.add(stats.changesets.saturating_sub(changesets.get()));
        failures.add(stats.failures.saturating_sub(failures.get()));
        wal.set(i64::try_from(stats.wal_bytes).unwrap_or(i64::MAX));
    }));
}
