//! The measured part of the document.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

use lmall_app::ports::Table;

use super::{
    hot::{self, HOTTEST_MAX, ORDERS_PER_SECOND},
    measure::{BUCKETS, Measured},
    prices::{self, costs},
};

pub(super) fn render(measured: &Measured) -> String {
    let mut text = String::new();
    requests(&mut text, measured);
    units(&mut text, measured);
    causes(&mut text, measured);
    dollars(&mut text, measured);
    price_list(&mut text);
    hot_places(&mut text, measured);
    holding(&mut text, measured);
    text
}

/// A number of halves: `3` or `3.5`.
pub(super) fn halves(halves: u64) -> String {
    let half = if halves.is_multiple_of(2) { "" } else { ".5" };
    format!("{}{half}", halves / 2)
}

/// Micro-dollars as dollars and cents.
fn cents(micros: u64) -> String {
    let cents = (micros + 5_000) / 10_000;
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn head(text: &mut String, title: &str, columns: &[&str]) {
    let rule: Vec<_> = columns.iter().map(|_| "---").collect();
    let gap = if text.is_empty() { "" } else { "\n" };
    let head = format!("{gap}### {title}\n\n| {} |\n|{}|\n", columns.join(" | "), rule.join("|"));
    text.push_str(&head);
}

fn line(text: &mut String, cells: &[&dyn Display]) {
    for cell in cells {
        write!(text, "| {cell} ").expect("a text takes everything");
    }
    text.push_str("|\n");
}

fn requests(text: &mut String, measured: &Measured) {
    head(text, "Requests of one order", &["service", "operation", "requests"]);
    for ((service, operation), count) in &measured.requests {
        line(text, &[service, operation, count]);
    }
    let analytics: u64 =
        measured.receives.iter().filter(|(queue, _)| !queue.is_fifo()).map(|(_, n)| n).sum();
    line(text, &[&"Lambda", &"invocations of the relay, one an event", &measured.published]);
    line(text, &[&"Lambda", &"invocations for analytics", &analytics]);
    let deliveries: u64 = measured.deliveries.values().sum();
    line(text, &[&"SNS", &"deliveries to queues", &deliveries]);
}

fn units(text: &mut String, measured: &Measured) {
    let columns =
        ["table", "read units", "write units, by DynamoDB Local", "write units, by the rules"];
    head(text, "Capacity units of one order", &columns);
    let sum = |map: &BTreeMap<Table, u64>| halves(map.values().sum());
    let mut by_rules = 0;
    for table in Table::OF_ORDERS {
        let of = |map: &BTreeMap<Table, u64>| halves(map.get(&table).copied().unwrap_or_default());
        let rules = measured.rows.units(table);
        let (reads, writes) = (of(&measured.half_reads), of(&measured.half_writes));
        line(text, &[&name(table), &reads, &writes, &rules]);
        by_rules += rules;
    }
    line(text, &[&"all", &sum(&measured.half_reads), &sum(&measured.half_writes), &by_rules]);
}

fn name(table: Table) -> String {
    format!("{table:?}").to_lowercase()
}

fn causes(text: &mut String, measured: &Measured) {
    let columns = ["table", "row", "writes", "units of rows", "units of indexes"];
    head(text, "What is written for one order", &columns);
    for ((table, kind), written) in &measured.rows.kinds {
        let cells: [&dyn Display; 5] =
            [&name(*table), kind, &written.writes, &written.row_units, &written.index_units];
        line(text, &cells);
    }
    let all = measured.rows.kinds.values();
    let (rows, indexes): (u64, u64) =
        all.fold((0, 0), |sums, each| (sums.0 + each.row_units, sums.1 + each.index_units));
    let (many, one) = (measured.rows.transactions, measured.rows.single_writes);
    let how = format!("{many} transactions, {one} single writes");
    line(text, &[&"all", &how, &"", &rows, &indexes]);
}

fn dollars(text: &mut String, measured: &Measured) {
    let columns = ["what", "an order", "dollars"];
    head(text, "Dollars for a million orders, largest first", &columns);
    let costs = costs(measured);
    for cost in &costs {
        line(text, &[&cost.what, &cost.count, &cents(cost.micros)]);
    }
    let sum = costs.iter().map(|cost| cost.micros).sum();
    line(text, &[&"all", &"", &cents(sum)]);
    let by_local = measured.half_writes.values().sum::<u64>() * prices::WRITE_UNIT / 2;
    let by_rules: u64 = Table::OF_ORDERS.into_iter().map(|table| measured.rows.units(table)).sum();
    let instead = sum - by_local + by_rules * prices::WRITE_UNIT;
    line(text, &[&"all, with write units by the rules", &"", &cents(instead)]);
}

fn price_list(text: &mut String) {
    head(text, &format!("Prices ({})", prices::NOTED), &["what", "micro-dollars"]);
    for (what, price) in [
        ("a million write units, DynamoDB on demand", prices::WRITE_UNIT),
        ("a million read units, DynamoDB on demand", prices::READ_UNIT),
        ("a million publishes, SNS FIFO", prices::PUBLISH),
        ("a GiB published, SNS FIFO", prices::PUBLISHED_GIB),
        ("a million deliveries, SNS FIFO", prices::DELIVERY),
        ("a million requests, SQS FIFO", prices::FIFO_REQUEST),
        ("a million requests, SQS standard", prices::STANDARD_REQUEST),
        ("a million invocations, Lambda", prices::INVOCATION),
        ("10,000 GB-seconds, Lambda on arm64", prices::GB_SECOND),
    ] {
        line(text, &[&what, &price]);
    }
}

fn hot_places(text: &mut String, measured: &Measured) {
    let title = format!(
        "Write units a second at {ORDERS_PER_SECOND} orders a second of one SKU; {HOTTEST_MAX} are \
         the most"
    );
    let columns = ["where", "units an order", "spread over", "units a second", "spread needed"];
    head(text, &title, &columns);
    for place in hot::places(measured) {
        let (each, needed) = (place.units_per_second(), place.spread_min());
        line(text, &[&place.name, &place.units, &place.spread, &each, &needed]);
    }
}

/// Transactions that meet on an item do not wait for each other: all but one are cancelled.
fn holding(text: &mut String, measured: &Measured) {
    let title = format!("Orders a second of one SKU when a bucket ({BUCKETS}) is never idle");
    head(text, &title, &["a transaction takes", "orders a second"]);
    let bucket = (Table::Inventory, "bucket of the ledger");
    let visits = measured.rows.kinds.get(&bucket).map_or(1, |written| written.writes);
    for ms in [5, 10, 20] {
        let orders = u64::from(BUCKETS) * 1_000 / (visits * ms);
        line(text, &[&format!("{ms} ms"), &orders]);
    }
}
