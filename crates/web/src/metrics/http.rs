//! Requests by route: how many, and how long they took.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::{Method, StatusCode};
use parking_lot::RwLock;

/// Upper bounds of the buckets, in microseconds and as Prometheus writes them in seconds.
const BUCKETS: [(u64, &str); 13] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// The outer layer's metrics. Routes are templates, so their number is that of the routes.
#[derive(Default)]
pub(crate) struct HttpMetrics(RwLock<HashMap<Box<str>, RouteMetrics>>);

#[derive(Default)]
struct RouteMetrics {
    /// A handful per route, so a list beats a map.
    requests: RwLock<Vec<(Outcome, AtomicU64)>>,
    buckets: [AtomicU64; BUCKETS.len()],
    over: AtomicU64,
    sum_us: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    method: &'static str,
    status: u16,
}

impl HttpMetrics {
    /// Counts one request.
    pub(crate) fn record(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let outcome = Outcome { method: method_name(method), status: status.as_u16() };
        if let Some(found) = self.0.read().get(route) {
            return found.record(outcome, took);
        }
        self.0.write().entry(route.into()).or_default().record(outcome, took);
    }
}

impl RouteMetrics {
    fn record(&self, outcome: Outcome, took: Duration) {
        self.count(outcome);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|(bound_us, _)| took_us <= *bound_us);
        let bucket = bucket.and_then(|index| self.buckets.get(index)).unwrap_or(&self.over);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    fn count(&self, outcome: Outcome) {
        let find = |list: &[(Outcome, AtomicU64)]| match list.iter().find(|row| row.0 == outcome) {
            Some((_, count)) => {
                count.fetch_add(1, Ordering::Relaxed);
                true
            }
            None => false,
        };
        if find(&self.requests.read()) {
            return;
        }
        // Another thread may have added it between the two locks.
        let mut list = self.requests.write();
        if !find(&list) {
            list.push((outcome, AtomicU64::new(1)));
        }
    }

    fn write_requests(&self, f: &mut fmt::Formatter<'_>, route: &str) -> fmt::Result {
        let rows: BTreeMap<Outcome, u64> = self
            .requests
            .read()
            .iter()
            .map(|(outcome, count)| (*outcome, count.load(Ordering::Relaxed)))
            .collect();
        for (Outcome { method, status }, count) in rows {
            writeln!(
                f,
                "http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {count}"
            )?;
        }
        Ok(())
    }

    fn write_duration(&self, f: &mut fmt::Formatter<'_>, route: &str) -> fmt::Result {
        const NAME: &str = "http_request_duration_seconds";
        let mut count = 0;
        for ((_, bound), bucket) in BUCKETS.iter().zip(&self.buckets) {
            count += bucket.load(Ordering::Relaxed);
            writeln!(f, "{NAME}_bucket{{route=\"{route}\",le=\"{bound}\"}} {count}")?;
        }
        count += self.over.load(Ordering::Relaxed);
        let sum_us = self.sum_us.load(Ordering::Relaxed);
        let (seconds, micros) = (sum_us / 1_000_000, sum_us % 1_000_000);
        writeln!(f, "{NAME}_bucket{{route=\"{route}\",le=\"+Inf\"}} {count}")?;
        writeln!(f, "{NAME}_sum{{route=\"{route}\"}} {seconds}.{micros:06}")?;
        writeln!(f, "{NAME}_count{{route=\"{route}\"}} {count}")
    }
}

impl fmt::Display for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.0.read();
        let routes: BTreeMap<_, _> = routes.iter().collect();
        if routes.is_empty() {
            return Ok(());
        }
        writeln!(f, "# HELP http_requests_total Requests answered")?;
        writeln!(f, "# TYPE http_requests_total counter")?;
        for (route, metrics) in &routes {
            metrics.write_requests(f, route)?;
        }
        writeln!(f, "# HELP http_request_duration_seconds Time from request to answer")?;
        writeln!(f, "# TYPE http_request_duration_seconds histogram")?;
        for (route, metrics) in &routes {
            metrics.write_duration(f, route)?;
        }
        Ok(())
    }
}

/// A name from a closed set, for a client may invent methods.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_cumulative_buckets() {
        let metrics = HttpMetrics::default();
        for took_us in [500, 501, 60_000_000] {
            let took = Duration::from_micros(took_us);
            metrics.record("/x/{id}", &Method::GET, StatusCode::OK, took);
        }
        let text = metrics.to_string();
        for line in [
            "http_requests_total{method=\"GET\",route=\"/x/{id}\",status=\"200\"} 3",
            "http_request_duration_seconds_bucket{route=\"/x/{id}\",le=\"0.0005\"} 1",
            "http_request_duration_seconds_bucket{route=\"/x/{id}\",le=\"0.001\"} 2",
            "http_request_duration_seconds_bucket{route=\"/x/{id}\",le=\"10\"} 2",
            "http_request_duration_seconds_bucket{route=\"/x/{id}\",le=\"+Inf\"} 3",
            "http_request_duration_seconds_sum{route=\"/x/{id}\"} 60.001001",
            "http_request_duration_seconds_count{route=\"/x/{id}\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
