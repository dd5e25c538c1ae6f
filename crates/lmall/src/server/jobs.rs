//! Everything that runs without being asked: consumers, relays, schedules.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lmall_app::{
    catalogue::FOLLOW_EVERY,
    consumer::{Consumer, Options},
    failure::{Failure, chain},
    ports::{Clock, Table},
    relay::{Relay, SWEEP_AGE},
    shutdown::Shutdown,
};
use lmall_embedded::{Embedded, OutboxFeed, SqliteStore};
use lmall_ops::Analytics;
use lmall_runtime::{SystemClock, Tasks};
use lmall_web::Metrics;

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
pub(super) fn start(shop: &Shop, embedded: &Embedded, metrics: &Metrics, stop: Shutdown) -> Tasks {
    let mut tasks = Tasks::new(shop.clock.clone(), stop);
    let consumers: [Arc<dyn Consumer>; 6] = [
        Arc::new(shop.orders.clone()),
        Arc::new(shop.inventory.clone()),
        Arc::new(shop.payments.clone()),
        Arc::new(shop.catalogue.clone()),
        Arc::new(shop.mails.clone()),
        Arc::new(Analytics::new(metrics)),
    ];
    for consumer in consumers {
        tasks.consume(consumer, shop.bus.clone(), CONSUMER);
    }
    for table in Table::ALL {
        let feed = embedded.store().outbox_feed(table);
        tasks.spawn(relay(shop.relay.clone(), table, feed, shop.clock.clone(), tasks.stop()));
    }
    schedules(shop, &mut tasks);
    let (ids, lease_stop) = (shop.ids.clone(), tasks.stop());
    tasks.spawn(async move { ids.keep(lease_stop).await });
    count_store(metrics, shop.store.clone());
    tasks
}

fn schedules(shop: &Shop, tasks: &mut Tasks) {
    let mut every = |period, name, run: fn(Shop) -> BoxedRun| {
        let shop = shop.clone();
        tasks.every(period, name, move || run(shop.clone()));
    };
    every(PROMPT, "cancel overdue orders", |shop| {
        Box::pin(async move { shop.orders.cancel_overdue().await })
    });
    every(PROMPT, "expire reservations", |shop| {
        Box::pin(async move { shop.inventory.expire_lapsed().await })
    });
    every(FOLLOW_EVERY, "index changed products", |shop| {
        Box::pin(async move { shop.search.catch_up().await })
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
        Box::pin(async move { shop.payments.chase_refunds().await })
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
    every(PROMPT, "rebuild the stock gate", |shop| {
        Box::pin(async move { shop.inventory.rebuild_noted().await })
    });
    every(CERTAIN, "finish what leaving customers began", |shop| {
        Box::pin(async move { shop.customers.finish_leaving().await })
    });
    every(CERTAIN, "rotate the keys of access tokens", |shop| {
        Box::pin(async move { shop.customer_keys.rotate() })
    });
    every(CERTAIN, "purge expired rows", |shop| {
        Box::pin(async move { Ok(shop.store.purge_expired(shop.clock.now(), PURGE_ROWS).await?) })
    });
}

type BoxedRun = BoxFuture<'static, Result<usize, Failure>>;

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
