//! What people and machines are told.

#![expect(clippy::print_stdout, reason = "telling is what this module is for")]

use std::time::{Duration, Instant};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use lmall_app::decided::MACHINES;
use serde_json::{Value, json};

use crate::{
    campaign::{Campaign, Plan, campaign},
    coverage::{Cell, Coverage},
    protocol::{Limits, check},
    run::Outcome,
};

/// Runs a campaign with a progress bar on standard error.
#[must_use]
pub fn with_progress(plan: &Plan) -> Campaign {
    let bar = ProgressBar::new(plan.seeds.end - plan.seeds.start);
    let style = ProgressStyle::with_template(
        "{bar:40} {pos}/{len} seeds, {elapsed} of about {duration}, {msg}",
    );
    bar.set_style(style.expect("the template is right"));
    let events = std::sync::atomic::AtomicU64::new(0);
    let begun = std::time::Instant::now();
    let done = campaign(plan, &|outcome: &Outcome| {
        let events = events.fetch_add(outcome.delivered, std::sync::atomic::Ordering::Relaxed);
        let rate = per_second(events + outcome.delivered, begun.elapsed());
        bar.set_message(format!("{} events/s", HumanCount(rate)));
        if let Some(violation) = &outcome.violation {
            let (promise, text) = (violation.promise, &violation.text);
            bar.println(format!("seed {}: {promise}: {text}", outcome.seed));
        }
        bar.inc(1);
    });
    bar.finish_and_clear();
    done
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000) / millis
}

/// The tables of what was reached, then the figures, then the verdict.
pub fn text(done: &Campaign) {
    for machine in MACHINES {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(std::iter::once(machine.name).chain(machine.inputs.iter().copied()));
        for state in machine.states {
            let cells = done.coverage.cells();
            let row = cells.filter(|cell| cell.machine == machine.name && cell.state == *state);
            let row = row.map(|cell| match (cell.count, cell.unreachable()) {
                (0, Some(_)) => "–".to_owned(),
                (0, None) => "NEVER".to_owned(),
                (count, _) => count.to_string(),
            });
            table.add_row(std::iter::once((*state).to_owned()).chain(row));
        }
        println!("{table}");
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["fault", "struck"]);
    for (fault, count) in done.coverage.faults() {
        let count = if count == 0 { "NEVER".to_owned() } else { count.to_string() };
        table.add_row([fault.name().to_owned(), count]);
    }
    println!("{table}");
    let seconds = done.elapsed.as_secs();
    println!(
        "{} seeds, {} orders, {} events delivered, {} steps in {seconds} s: {} events/s",
        HumanCount(done.seeds),
        HumanCount(done.orders),
        HumanCount(done.delivered),
        HumanCount(done.steps),
        HumanCount(per_second(done.delivered, done.elapsed)),
    );
    println!("fingerprint {:016x}", done.fingerprint);
    let never = never(&done.coverage);
    if !never.is_empty() {
        println!("never reached: {}", never.join(", "));
    }
    for cell in done.coverage.impossible() {
        let why = cell.unreachable().unwrap_or_default();
        println!("reached, and held to be impossible: {}: {why}", name(&cell));
    }
    for (seed, violation) in &done.violations {
        println!("seed {seed}: {}: {}", violation.promise, violation.text);
    }
    match done.violations.first() {
        None => println!("no promise was broken"),
        Some((seed, _)) => {
            let count = done.violations.len();
            println!("{count} of the seeds broke a promise; to see one: --seed {seed} --trace");
        }
    }
}

/// The cells and faults that were not reached, and can be.
#[must_use]
pub fn never(coverage: &Coverage) -> Vec<String> {
    let cells = coverage.cells().filter(|cell| cell.count == 0 && cell.unreachable().is_none());
    let faults = coverage.faults().filter(|(_, count)| *count == 0);
    cells
        .map(|cell| name(&cell))
        .chain(faults.map(|(fault, _)| format!("fault {}", fault.name())))
        .collect()
}

fn name(cell: &Cell) -> String {
    format!("{} `{}` `{}`", cell.machine, cell.state, cell.input)
}

/// The same as one JSON object.
pub fn json(done: &Campaign) {
    let violation = done.violations.first().map(|(seed, violation)| {
        json!({"seed": seed, "promise": violation.promise, "text": violation.text})
    });
    let faults: serde_json::Map<String, Value> =
        done.coverage.faults().map(|(fault, n)| (fault.name().to_owned(), json!(n))).collect();
    println!(
        "{}",
        json!({
            "seeds_run": done.seeds,
            "orders": done.orders,
            "events_delivered": done.delivered,
            "steps": done.steps,
            "elapsed_ms": u64::try_from(done.elapsed.as_millis()).unwrap_or(u64::MAX),
            "events_per_s": per_second(done.delivered, done.elapsed),
            "fingerprint": format!("{:016x}", done.fingerprint),
            "violation": violation,
            "violations": done.violations.len(),
            "never_reached": never(&done.coverage),
            "faults": faults,
        })
    );
}

/// Explores one run of the model, and tells what was found. Gives whether all is right.
#[must_use]
pub fn explore(name: &str, limits: Limits, threads: usize, as_json: bool) -> bool {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix}: {human_pos} states, {elapsed}");
    bar.set_style(style.expect("the template is right"));
    bar.set_prefix(name.to_owned());
    let begun = Instant::now();
    let found = check(limits, threads, |states| bar.set_position(count(states)));
    bar.finish_and_clear();
    let is_good = found.counterexample.is_none() && found.properties.iter().all(|(_, ok)| *ok);
    let elapsed = begun.elapsed();
    if as_json {
        let properties: Vec<_> = found
            .properties
            .iter()
            .map(|(property, holds)| json!({"property": property, "holds": holds}))
            .collect();
        let line = json!({
            "run": name,
            "ok": is_good,
            "states": found.states,
            "unique_states": found.unique_states,
            "depth": found.max_depth,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "properties": properties,
            "counterexample": found.counterexample,
        });
        println!("{line}");
        return is_good;
    }
    println!(
        "{name}: {} states, {} of them different, {} steps deep, {} s",
        HumanCount(count(found.states)),
        HumanCount(count(found.unique_states)),
        found.max_depth,
        elapsed.as_secs(),
    );
    for (property, holds) in &found.properties {
        println!("  {} {property}", if *holds { "✓" } else { "✗" });
    }
    if let Some(counterexample) = &found.counterexample {
        println!("{counterexample}");
    }
    is_good
}

fn count(states: usize) -> u64 {
    u64::try_from(states).unwrap_or(u64::MAX)
}

/// What happened in one seed, line by line, and what was wrong.
pub fn timeline(outcome: &Outcome) {
    for line in &outcome.timeline {
        println!("{line}");
    }
    println!("fingerprint {:016x}, {} steps", outcome.fingerprint, outcome.steps);
    match &outcome.violation {
        None => println!("no promise was broken"),
        Some(violation) => println!("{}: {}", violation.promise, violation.text),
    }
}
