//! List prices, as parameters; and money in micro-dollars, which are integers.

use lmall_app::topology::Queue;

use super::measure::Measured;

/// When and where the prices were noted. They are to be checked against the price lists.
pub(super) const NOTED: &str = "us-east-1, noted on 2026-11-22";

/// A write unit of DynamoDB on demand, in micro-dollars a million.
pub(super) const WRITE_UNIT: u64 = 625_000;
/// A read unit of DynamoDB on demand, likewise.
pub(super) const READ_UNIT: u64 = 125_000;
/// A request to publish to an SNS FIFO topic, likewise.
pub(super) const PUBLISH: u64 = 300_000;
/// A GiB of what is published, in micro-dollars.
pub(super) const PUBLISHED_GIB: u64 = 17_000;
/// A delivery of an SNS FIFO topic, in micro-dollars a million.
pub(super) const DELIVERY: u64 = 10_000;
/// A request to an SQS FIFO queue, likewise.
pub(super) const FIFO_REQUEST: u64 = 500_000;
/// A request to a standard queue, likewise.
pub(super) const STANDARD_REQUEST: u64 = 400_000;
/// An invocation of a function, likewise.
pub(super) const INVOCATION: u64 = 200_000;
/// A GB-second of a function on arm64, in ten-thousandths of a micro-dollar.
pub(super) const GB_SECOND: u64 = 133_334;

/// Memory of a function, in MB, and how long an invocation takes, in ms: assumed, not measured.
pub(super) const FUNCTION_MB: u64 = 256;
pub(super) const FUNCTION_MS: u64 = 50;

/// What something costs for a million orders.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// In micro-dollars for a million orders.
    pub(super) micros: u64,
    pub(super) what: &'static str,
    /// How many an order.
    pub(super) count: String,
}

/// What a million orders cost, most expensive first.
pub(super) fn costs(measured: &Measured) -> Vec<Cost> {
    let cost = |what, count: u64, price: u64| Cost {
        micros: count * price,
        what,
        count: count.to_string(),
    };
    let halves = |what, halves: u64, price: u64| Cost {
        micros: halves * price / 2,
        what,
        count: super::report::halves(halves),
    };
    let invocations = measured.published + receives(measured, |queue| !queue.is_fifo());
    let gb_seconds = invocations * FUNCTION_MS * FUNCTION_MB * GB_SECOND;
    let mut costs = vec![
        halves("DynamoDB write units", measured.half_writes.values().sum(), WRITE_UNIT),
        halves("DynamoDB read units", measured.half_reads.values().sum(), READ_UNIT),
        cost("SNS publishes", measured.requests_of("SNS", "PublishBatch"), PUBLISH),
        Cost {
            micros: measured.published_kib * 1_000_000 * PUBLISHED_GIB / (1_024 * 1_024),
            what: "SNS payload, KiB",
            count: measured.published_kib.to_string(),
        },
        cost("SNS deliveries", measured.deliveries.values().sum(), DELIVERY),
        cost("SQS FIFO requests", 2 * receives(measured, Queue::is_fifo), FIFO_REQUEST),
        cost(
            "SQS standard requests",
            2 * receives(measured, |queue| !queue.is_fifo()),
            STANDARD_REQUEST,
        ),
        cost("Lambda invocations", invocations, INVOCATION),
        Cost {
            // A million orders, in seconds, in GB, in micro-dollars.
            micros: gb_seconds * 1_000_000 / (1_000 * 1_024 * 10_000),
            what: "Lambda time, ms",
            count: (invocations * FUNCTION_MS).to_string(),
        },
    ];
    costs.sort();
    costs.reverse();
    costs
}

/// Receives that brought something, of some queues. There is one request to delete for each.
fn receives(measured: &Measured, of: impl Fn(Queue) -> bool) -> u64 {
    measured.receives.iter().filter(|(queue, _)| of(**queue)).map(|(_, count)| count).sum()
}
