//! What a run of sagas has shown: latencies, counts, and the machine it ran on.

#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "statistics for people: rates and milliseconds, never money or counters"
)]

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::{lock, schedule::Window};
use crate::{client::Api, output, process::Server};

/// The metric that counts the store's transactions.
const COMMITS: &str = "lmall_store_commits_total";

/// Longest time for the last events to take effect before the audit.
const REST_WITHIN: Duration = Duration::from_secs(60);

/// Largest latency that is told apart; a saga is given up long before.
const LATENCY_US_MAX: u64 = 120_000_000;

/// Latencies in microseconds, right to three digits.
pub(super) struct Latencies(Mutex<Histogram<u64>>);

impl Latencies {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Mutex::new(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)?)))
    }

    pub(super) fn record(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX);
        lock(&self.0).saturating_record(micros);
    }

    /// The usual quantiles; nothing where nothing was recorded.
    pub(super) fn quantiles(&self) -> Quantiles {
        let recorded = lock(&self.0);
        let ms = |micros: u64| (!recorded.is_empty()).then(|| rounded(micros as f64 / 1_000.0));
        let at = |quantile| ms(recorded.value_at_quantile(quantile));
        Quantiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: ms(recorded.max()) }
    }
}

/// Quantiles of a latency, in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p999: Option<f64>,
    pub(super) max: Option<f64>,
}

/// What one has more of than the other, where both have something.
pub(super) fn difference(more: &Quantiles, less: &Quantiles) -> Quantiles {
    let between = |more: Option<f64>, less: Option<f64>| Some(rounded(more? - less?));
    Quantiles {
        p50: between(more.p50, less.p50),
        p99: between(more.p99, less.p99),
        p999: between(more.p999, less.p999),
        max: between(more.max, less.max),
    }
}

/// Counts what happens to sagas; latencies only of those due in the window.
pub(super) struct Tally {
    window: Window,
    begun: AtomicU64,
    completed: AtomicU64,
    finished: AtomicU64,
    errors: AtomicU64,
    reasons: Mutex<BTreeMap<String, u64>>,
    place: Latencies,
    confirm: Latencies,
}

impl Tally {
    pub(super) fn new(window: Window) -> Result<Self> {
        Ok(Self {
            window,
            begun: AtomicU64::default(),
            completed: AtomicU64::default(),
            finished: AtomicU64::default(),
            errors: AtomicU64::default(),
            reasons: Mutex::default(),
            place: Latencies::new()?,
            confirm: Latencies::new()?,
        })
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// A saga that is due has been begun.
    pub(super) fn begun(&self, due: Instant) {
        self.begun.fetch_add(u64::from(self.window.contains(due)), Ordering::Relaxed);
    }

    /// The order of the saga due then has its 201 now.
    pub(super) fn placed(&self, due: Instant, now: Instant) {
        if self.window.contains(due) {
            self.place.record(now.saturating_duration_since(due));
        }
    }

    /// The order of the saga due then is seen CONFIRMED now, `latency` after its payment was due.
    pub(super) fn confirmed(&self, due: Instant, now: Instant, latency: Duration) {
        if self.window.contains(due) {
            self.confirm.record(latency);
        }
        self.completed.fetch_add(u64::from(self.window.contains(now)), Ordering::Relaxed);
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// A saga, in the window or not, or the whole run has failed.
    pub(super) fn failed(&self, reason: String) {
        *lock(&self.reasons).entry(reason).or_default() += 1;
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Whatever is wrong when all is over counts as an error of the run.
    pub(super) async fn check_rest(&self, api: &Api) -> Result<()> {
        let audit = api.audit_at_rest(REST_WITHIN).await?;
        if !audit.at_rest {
            self.failed("audit: not at rest".to_owned());
        }
        for check in audit.checks.iter().filter(|check| !check.ok) {
            self.failed(format!("audit: {} {}", check.invariant, check.title));
        }
        if !audit.ok {
            self.failed("audit: not ok".to_owned());
        }
        let summary = api.summary().await?;
        if summary.dead_letters + summary.parked > 0 {
            let (dead, parked) = (summary.dead_letters, summary.parked);
            self.failed(format!("{dead} dead letters, {parked} parked"));
        }
        Ok(())
    }

    /// Sagas that reached CONFIRMED, in the window or not.
    pub(super) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    pub(super) fn reasons(&self) -> BTreeMap<String, u64> {
        lock(&self.reasons).clone()
    }

    /// The report, with what was measured around the sagas.
    pub(super) fn report(&self, around: &Around) -> Report {
        let length = self.window.length();
        let completed = self.completed.load(Ordering::Relaxed);
        let cpu_ms = around.cpu.as_secs_f64() * 1_000.0;
        Report {
            offered_per_s: per_second(self.begun.load(Ordering::Relaxed), length),
            completed_per_s: per_second(completed, length),
            errors: self.errors(),
            error_reasons: self.reasons(),
            place_ms: self.place.quantiles(),
            confirm_ms: self.confirm.quantiles(),
            server_cpu_ms_per_saga: (completed > 0).then(|| rounded(cpu_ms / completed as f64)),
            rss_mb: rounded(around.rss_kib as f64 / 1_024.0),
            fsyncs_per_s: per_second(around.fsyncs.0, around.fsyncs.1),
            store_commits_per_s: around.commits.map(|count| per_second(count, around.sampled)),
            machine: Machine::this(),
        }
    }
}

/// What is measured around the sagas.
pub(super) struct Around {
    /// The server's processor time between the two samples at the window's ends.
    pub(super) cpu: Duration,
    /// The store's commits between the samples, if the server counts them.
    pub(super) commits: Option<u64>,
    /// The time between the samples.
    pub(super) sampled: Duration,
    /// The server's resident memory at the second sample.
    pub(super) rss_kib: u64,
    /// The fsync probe: how many, in what time.
    pub(super) fsyncs: (u64, Duration),
}

impl Around {
    /// What has changed from one sample to the next.
    pub(super) fn between(before: &Sample, after: &Sample, fsyncs: (u64, Duration)) -> Self {
        let commits = after.commits.zip(before.commits);
        Self {
            cpu: after.cpu.saturating_sub(before.cpu),
            commits: commits.map(|(after, before)| after.saturating_sub(before)),
            sampled: after.taken - before.taken,
            rss_kib: after.rss_kib,
            fsyncs,
        }
    }
}

/// The server's counters at a moment.
pub(super) struct Sample {
    taken: Instant,
    cpu: Duration,
    commits: Option<u64>,
    rss_kib: u64,
}

impl Sample {
    pub(super) async fn take(server: &Server, api: &Api) -> Result<Self> {
        let cpu = server.cpu()?;
        let commits = api.metrics().await.ok().and_then(|text| counter(&text, COMMITS));
        let taken = Instant::now();
        Ok(Self { taken, cpu, commits, rss_kib: server.memory_kib()? })
    }
}

/// The report of `lmall bench orders`.
#[derive(Serialize)]
pub(super) struct Report {
    offered_per_s: f64,
    completed_per_s: f64,
    errors: u64,
    error_reasons: BTreeMap<String, u64>,
    place_ms: Quantiles,
    confirm_ms: Quantiles,
    server_cpu_ms_per_saga: Option<f64>,
    rss_mb: f64,
    fsyncs_per_s: f64,
    store_commits_per_s: Option<f64>,
    machine: Machine,
}

impl Report {
    /// Prints it as tables.
    pub(super) fn print(&self) {
        let or_dash = |value: Option<f64>| value.map_or("–".to_owned(), |n| n.to_string());
        let latency = |name: &str, of: &Quantiles| {
            let values = [of.p50, of.p99, of.p999, of.max].map(or_dash);
            [name.to_owned()].into_iter().chain(values).collect::<Vec<_>>()
        };
        let rows = [latency("place", &self.place_ms), latency("confirm", &self.confirm_ms)];
        output::table(&["ms", "p50", "p99", "p99.9", "max"], rows);
        let rows = [
            ("sagas offered per second", self.offered_per_s.to_string()),
            ("sagas completed per second", self.completed_per_s.to_string()),
            ("errors", self.errors.to_string()),
            ("server processor ms per saga", or_dash(self.server_cpu_ms_per_saga)),
            ("server memory, MiB", self.rss_mb.to_string()),
            ("store commits per second", or_dash(self.store_commits_per_s)),
            ("fsyncs per second, raw", self.fsyncs_per_s.to_string()),
            ("machine", self.machine.to_string()),
        ];
        output::table(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]));
        for (reason, count) in &self.error_reasons {
            output::say(format!("error: {reason} ({count} times)"));
        }
    }
}

/// Where it ran.
#[derive(Serialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    memory_mb: u64,
    kernel: String,
}

impl Machine {
    pub(super) fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory = value_of(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse();
        Self {
            cpu: value_of(&read("/proc/cpuinfo"), "model name"),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_mb: memory.unwrap_or(0_u64) / 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, cores, memory_mb, kernel } = self;
        write!(out, "{cpu}, {cores} cores, {memory_mb} MiB, Linux {kernel}")
    }
}

/// The value of the first `name: value` line.
fn value_of(text: &str, name: &str) -> String {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name);
    found.map_or("unknown", |(_, value)| value).to_owned()
}

/// The sum of a counter over its labels in Prometheus' text form, if it is there.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = rest
            .strip_prefix(' ')
            .or_else(|| Some(rest.strip_prefix('{')?.rsplit_once("} ")?.1))?;
        value.split(' ').next()?.parse::<f64>().ok()
    });
    values.map(|value| value as u64).reduce(|sum, value| sum + value)
}

/// A rate, rounded for people.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    rounded(count as f64 / time.as_secs_f64())
}

/// A time in seconds, rounded for people.
pub(super) fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64())
}

/// What part of the second rate the first one is.
pub(super) fn ratio(rate: f64, of: f64) -> f64 {
    rounded(rate / of)
}

/// Three digits after the point.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let latencies = Latencies::new().expect("fixed bounds");
        let nothing = Quantiles { p50: None, p99: None, p999: None, max: None };
        assert_eq!(latencies.quantiles(), nothing);
        for ms in 1..=1_000 {
            latencies.record(Duration::from_millis(ms));
        }
        let quantiles = latencies.quantiles();
        let of = [quantiles.p50, quantiles.p99, quantiles.p999, quantiles.max];
        for (seen, expected) in of.into_iter().zip([500.0, 990.0, 999.0, 1_000.0]) {
            let seen = seen.expect("something was recorded");
            assert!((seen - expected).abs() <= expected / 1_000.0, "{seen}, not {expected}");
        }
    }

    #[test]
    fn only_what_belongs_to_the_window_is_counted() {
        let (from, second) = (Instant::now(), Duration::from_secs(1));
        let window = Window { from, to: from + 10 * second };
        let tally = Tally::new(window).expect("fixed bounds");
        let warm_up = from - second;
        for due in [warm_up, from, from + 9 * second] {
            tally.begun(due);
            tally.placed(due, due + second);
            tally.confirmed(due, due + 2 * second, second);
        }
        tally.failed("place: 503".to_owned());
        let around = Around {
            cpu: Duration::from_millis(30),
            commits: Some(50),
            sampled: 10 * second,
            rss_kib: 2_048,
            fsyncs: (900, 2 * second),
        };
        let report = tally.report(&around);
        assert_eq!((report.offered_per_s, report.completed_per_s), (0.2, 0.2));
        assert_eq!((report.errors, report.server_cpu_ms_per_saga), (1, Some(15.0)));
        assert_eq!((report.fsyncs_per_s, report.store_commits_per_s), (450.0, Some(5.0)));
        assert_eq!((report.rss_mb, tally.finished()), (2.0, 3));
        assert_eq!(report.place_ms.max.map(f64::round), Some(1_000.0));
    }

    #[test]
    fn a_counter_is_summed_over_its_labels() {
        let metrics =
            "# TYPE a_total counter\na_total{x=\"1 }\"} 3\na_total{x=\"2\"} 4\na_total_b 9\n";
        let rows = [("a_total", Some(7)), ("a_total_b", Some(9)), ("a", None)];
        for (name, expected) in rows {
            assert_eq!(counter(metrics, name), expected, "{name}");
        }
    }
}
