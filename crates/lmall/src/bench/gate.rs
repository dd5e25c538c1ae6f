//! `lmall bench gate`: the stock gate on Redis, next to a script that does nothing.

mod rebuild;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use lmall_app::ports::{GateAnswer, GateError, StockGate};
use lmall_aws::redis::{Redis, RedisGate};
use lmall_domain::{OrderId, Sku};
use serde::Serialize;

use super::report::{Latencies, Machine, Quantiles, per_second, ratio};
use crate::{cli::GateArgs, output, process};

/// Gate and bare script take turns of this length, so that noise hits both alike.
const TURN: Duration = Duration::from_millis(250);

/// SKUs that are held from: as few as a busy shop's popular ones.
const SKUS: u64 = 64;

/// Units of each: more than any run can hold.
const PLENTY: i64 = 1_000_000_000;

/// Buyers for each unit of the scarce SKU.
const BUYERS_EACH: u64 = 3;

/// What `lmall bench gate` prints.
#[derive(Serialize)]
struct Report {
    ok: bool,
    gate_per_s: f64,
    raw_evalsha_per_s: f64,
    ratio: f64,
    gate_ms: Quantiles,
    raw_ms: Quantiles,
    concurrency: u32,
    seconds: u32,
    checks: Checks,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuild: Option<rebuild::Report>,
    machine: Machine,
}

/// What the gate must do however fast it is.
#[derive(Serialize)]
struct Checks {
    granted: u64,
    granted_expected: u64,
    repeats_granted_again: bool,
    old_epoch_refused: bool,
}

impl Checks {
    fn ok(&self) -> bool {
        self.granted == self.granted_expected
            && self.repeats_granted_again
            && self.old_epoch_refused
    }
}

/// Runs `lmall bench gate`.
pub(super) fn run(args: &GateArgs) -> Result<ExitCode> {
    let report = process::block_on(async {
        let gate = RedisGate::new(Redis::new(&args.redis)?);
        let tag = process::random_hex(4)?;
        let checks = check(&gate, &tag, args.units).await.context("Redis does not answer")?;
        let (held, bare) = measure(&gate, &tag, args).await?;
        let rebuild = if args.rebuild {
            Some(rebuild::run(gate, &tag, args.skus, args.reservations).await?)
        } else {
            None
        };
        let ok = checks.ok() && rebuild.as_ref().is_none_or(|rebuild| rebuild.agrees);
        let [gate_per_s, raw_evalsha_per_s] = [&held, &bare].map(Side::per_second);
        Ok(Report {
            ok,
            gate_per_s,
            raw_evalsha_per_s,
            ratio: ratio(gate_per_s, raw_evalsha_per_s),
            gate_ms: held.latencies.quantiles(),
            raw_ms: bare.latencies.quantiles(),
            concurrency: args.concurrency,
            seconds: args.seconds,
            checks,
            rebuild,
            machine: Machine::this(),
        })
    })?;
    if args.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn open(gate: &RedisGate, sku: &Sku, units: i64) -> Result<u64> {
    let epoch = gate.close(sku).await?;
    let opened = gate.open(sku, epoch, vec![(0, units)], Vec::new()).await?;
    ensure!(opened, "the gate of {sku} does not open");
    Ok(epoch)
}

fn order(number: u64) -> OrderId {
    OrderId::new(number + 1).expect("no run counts to 2^63")
}

/// Sells few units to many buyers at once, who all ask again; then tries an epoch that has ended.
async fn check(gate: &RedisGate, tag: &str, units: u32) -> Result<Checks> {
    let sku: Sku = format!("bench-{tag}-scarce").parse()?;
    let old = open(gate, &sku, i64::from(units)).await?;
    let ask = async || -> Result<Vec<bool>, GateError> {
        let buyers = 0..u64::from(units) * BUYERS_EACH;
        let answers = try_join_all(buyers.map(|number| gate.hold(&sku, order(number), 1))).await?;
        Ok(answers.iter().map(|answer| matches!(answer, GateAnswer::Granted(_))).collect())
    };
    let (first, again) = (ask().await?, ask().await?);
    let granted = first.iter().filter(|granted| **granted).count();
    let current = gate.close(&sku).await?;
    let plenty = vec![(0, PLENTY)];
    let opened = gate.open(&sku, old, plenty, Vec::new()).await?;
    let answer = gate.hold(&sku, order(0), 1).await?;
    Ok(Checks {
        granted: u64::try_from(granted)?,
        granted_expected: u64::from(units),
        repeats_granted_again: first == again,
        old_epoch_refused: current > old && !opened && answer == GateAnswer::Unknown,
    })
}

/// What one of the two has done.
struct Side {
    calls: AtomicU64,
    errors: AtomicU64,
    latencies: Latencies,
    time: Duration,
}

impl Side {
    fn new() -> Result<Self> {
        let latencies = Latencies::new()?;
        let (calls, errors) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { calls, errors, latencies, time: Duration::ZERO })
    }

    fn per_second(&self) -> f64 {
        per_second(self.calls.load(Ordering::Relaxed), self.time)
    }

    /// As many callers as are wanted call again and again until the turn is over.
    async fn turn(&mut self, callers: u32, call: impl AsyncFn() -> Result<bool, GateError>) {
        let started = Instant::now();
        let caller = async |_| {
            while started.elapsed() < TURN {
                let begun = Instant::now();
                let right = call().await.unwrap_or(false);
                self.latencies.record(begun.elapsed());
                let count = if right { &self.calls } else { &self.errors };
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        join_all((0..callers).map(caller)).await;
        self.time += started.elapsed();
    }
}

/// The gate and the bare script, in turns.
async fn measure(gate: &RedisGate, tag: &str, args: &GateArgs) -> Result<(Side, Side)> {
    let skus = (0..SKUS).map(|number| format!("bench-{tag}-{number}").parse::<Sku>());
    let skus: Vec<_> = skus.collect::<Result<_, _>>()?;
    for sku in &skus {
        open(gate, sku, PLENTY).await?;
    }
    let next = AtomicU64::new(0);
    let draw = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(number % SKUS).unwrap_or(0);
        (&skus[place], order(number))
    };
    let hold = async || {
        let (sku, id) = draw();
        Ok(matches!(gate.hold(sku, id, 1).await?, GateAnswer::Granted(_)))
    };
    let bare_call = async || {
        let (sku, id) = draw();
        gate.bare_call(sku, id, 1).await.map(|()| true)
    };
    // A turn each to warm up.
    let [mut held, mut bare] = [Side::new()?, Side::new()?];
    held.turn(args.concurrency, hold).await;
    bare.turn(args.concurrency, bare_call).await;
    let [mut held, mut bare] = [Side::new()?, Side::new()?];
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(args.seconds.into()) {
        held.turn(args.concurrency, hold).await;
        bare.turn(args.concurrency, bare_call).await;
    }
    let errors = held.errors.load(Ordering::Relaxed) + bare.errors.load(Ordering::Relaxed);
    ensure!(errors == 0, "{errors} calls failed: the figures mean nothing");
    for sku in &skus {
        gate.close(sku).await?;
    }
    Ok((held, bare))
}

fn print(report: &Report) {
    let ms = |value: Option<f64>| value.map_or("–".to_owned(), |n| n.to_string());
    let row = |name: &str, per_s: f64, of: &Quantiles| {
        vec![name.to_owned(), per_s.to_string(), ms(of.p50), ms(of.p99)]
    };
    output::table(
        &["", "per second", "p50 ms", "p99 ms"],
        [
            row("holds at the gate", report.gate_per_s, &report.gate_ms),
            row("bare EVALSHA", report.raw_evalsha_per_s, &report.raw_ms),
        ],
    );
    let Checks { granted, granted_expected, repeats_granted_again, old_epoch_refused } =
        report.checks;
    let mark = |ok: bool| if ok { "✓" } else { "✗" };
    output::say(format_args!("ratio {}, {} callers at once", report.ratio, report.concurrency));
    output::say(format_args!(
        "{} {granted} of {granted_expected} units granted",
        mark(granted == granted_expected)
    ));
    output::say(format_args!("{} asked again, answered the same", mark(repeats_granted_again)));
    output::say(format_args!("{} an epoch that has ended is refused", mark(old_epoch_refused)));
    if let Some(rebuild) = &report.rebuild {
        output::say(format_args!(
            "{} {} SKUs with {} open reservations rebuilt in {} s, compared in {} s",
            mark(rebuild.agrees),
            rebuild.skus,
            rebuild.reservations,
            rebuild.rebuild_s,
            rebuild.compare_s
        ));
    }
    output::say(&report.machine);
}
