//! What AWS was asked, at `/metrics`.

use std::sync::Arc;

use lmall_aws::{Clients, Meter};
use lmall_web::{Counter, Metrics};

/// An empty registry that shows what these clients have asked.
pub(crate) fn metrics(clients: &Clients) -> Metrics {
    let metrics = Metrics::new();
    let (shown, meter) = (metrics.clone(), Arc::clone(&clients.meter));
    metrics.on_scrape(Box::new(move || show(&shown, &meter)));
    metrics
}

fn show(metrics: &Metrics, meter: &Meter) {
    let reading = meter.read();
    for calls in reading.calls {
        let labels = [("service", &*calls.service), ("operation", &*calls.operation)];
        let set = |name: &str, help: &str, count: u64| {
            reach(&metrics.counter_with(name, help, &labels), count);
        };
        set("lmall_aws_requests_total", "Requests to AWS.", calls.requests);
        set("lmall_aws_retries_total", "Requests that the SDK sent again.", calls.retries);
        set("lmall_aws_failures_total", "Requests without a good answer.", calls.failures);
    }
    for (table, half_units) in reading.half_units {
        let name = "lmall_dynamodb_half_units_total";
        let help = "Halves of capacity units that DynamoDB says were consumed.";
        reach(&metrics.counter_with(name, help, &[("table", &table)]), half_units);
    }
}

fn reach(counter: &Counter, count: u64) {
    counter.add(count.saturating_sub(counter.get()));
}
