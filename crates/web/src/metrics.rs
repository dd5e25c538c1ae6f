//! Counters and gauges in Prometheus' text format, cheap enough for the hot path.
//!
//! Written here because the well-kept crates do not fit: `prometheus-client` speaks `OpenMetrics`
//! only (its counters are untyped to a scraper of format 0.0.4) and locks each histogram.
//!
//! There is no global registry: `main` makes one [`Metrics`] and passes it on.

mod http;
mod registry;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

pub(crate) use http::HttpMetrics;
use registry::{Registry, Value};

/// Where metrics are registered and rendered; clones share everything.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    registry: Mutex<Registry>,
    before_scrape: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
    http: HttpMetrics,
}

/// A number that only grows; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

/// A number that goes up and down; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of that name, made if it is new. By convention the name ends in `_total`.
    ///
    /// # Panics
    ///
    /// If the name is not a valid one or is taken by a gauge.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.counter_with(name, help, &[])
    }

    /// The counter of that name and those labels, made if it is new.
    ///
    /// # Panics
    ///
    /// If a name is not a valid one or is taken by a gauge.
    #[must_use]
    pub fn counter_with(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Counter {
        let new = || Value::Counter(Counter::default());
        match self.0.registry.lock().register(name, help, labels, new) {
            Value::Counter(counter) => counter,
            Value::Gauge(_) => panic!("the metric {name} is a gauge"),
        }
    }

    /// The gauge of that name, made if it is new.
    ///
    /// # Panics
    ///
    /// If the name is not a valid one or is taken by a counter.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.gauge_with(name, help, &[])
    }

    /// The gauge of that name and those labels, made if it is new.
    ///
    /// # Panics
    ///
    /// If a name is not a valid one or is taken by a counter.
    #[must_use]
    pub fn gauge_with(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Gauge {
        let new = || Value::Gauge(Gauge::default());
        match self.0.registry.lock().register(name, help, labels, new) {
            Value::Gauge(gauge) => gauge,
            Value::Counter(_) => panic!("the metric {name} is a counter"),
        }
    }

    /// Runs `callback` before each render, to set gauges that are costly to keep current.
    pub fn on_scrape(&self, callback: Box<dyn Fn() + Send + Sync>) {
        self.0.before_scrape.lock().push(callback.into());
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        // Cloned, so that a callback may register what it likes without a deadlock.
        let callbacks = self.0.before_scrape.lock().clone();
        for callback in callbacks {
            callback();
        }
        format!("{}{}", self.0.http, self.0.registry.lock())
    }

    /// What the outer layer counts.
    pub(crate) fn http(&self) -> &HttpMetrics {
        &self.0.http
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Counter {
    /// Counts one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts several.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to the value; a negative number takes away.
    pub fn add(&self, delta: i64) {
        self.0.fetch_add(delta, Ordering::Relaxed);
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
