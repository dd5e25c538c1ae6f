//! `lmall bench gateway`: what the gateway adds to an answer, next to the service itself.

mod stand;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tokio::time::sleep;

use super::{
    Pool, raise_descriptor_limit,
    report::{Latencies, Machine, Quantiles, difference, per_second},
    schedule::open_loop,
};
use crate::{cli::GatewayArgs, output, process};

use stand::Stand;

/// Service and gateway take turns of this length, so that noise hits both alike.
const TURN: Duration = Duration::from_secs(1);

/// The longest time for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long tokens are verified, one after another.
const VERIFYING: Duration = Duration::from_secs(2);

/// What `lmall bench gateway` prints.
#[derive(Serialize)]
struct Report {
    ok: bool,
    rate: u32,
    seconds: u32,
    direct_ms: Quantiles,
    gateway_ms: Quantiles,
    added_ms: Quantiles,
    requests: u64,
    errors: u64,
    verifications_per_s_per_core: f64,
    machine: Machine,
}

/// One of the two that are compared.
struct Side {
    pool: Pool,
    host: String,
    latencies: Latencies,
    requests: AtomicU64,
    answered: AtomicU64,
    errors: AtomicU64,
}

/// Runs `lmall bench gateway`.
pub(super) fn run(args: &GatewayArgs) -> Result<ExitCode> {
    let requests_max = raise_descriptor_limit()?;
    let stand = Stand::start()?;
    let report = process::block_on(async {
        let verified = verify(&stand).await?;
        let side = |base: &str| Side::new(base, requests_max).map(Arc::new);
        let warm_up = [side(stand.service())?, side(stand.gateway())?];
        for side in &warm_up {
            side.turn(args.rate, &stand, TURN).await;
        }
        let [direct, through] = [side(stand.service())?, side(stand.gateway())?];
        for _ in 0..args.seconds {
            direct.turn(args.rate, &stand, TURN).await;
            through.turn(args.rate, &stand, TURN).await;
        }
        let [direct_ms, gateway_ms] = [&direct, &through].map(|side| side.latencies.quantiles());
        let sum = |of: fn(&Side) -> &AtomicU64| {
            [&direct, &through].map(|side| of(side).load(Ordering::Relaxed)).iter().sum::<u64>()
        };
        let errors = sum(|side| &side.errors);
        Ok(Report {
            ok: errors == 0,
            rate: args.rate,
            seconds: args.seconds,
            added_ms: difference(&gateway_ms, &direct_ms),
            direct_ms,
            gateway_ms,
            requests: sum(|side| &side.requests),
            errors,
            verifications_per_s_per_core: verified,
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

/// Tokens that one core verifies in a second, all that the gateway asks of a token included.
async fn verify(stand: &Stand) -> Result<f64> {
    let (verifier, started) = (stand.verifier(), Instant::now());
    let mut count = 0;
    while started.elapsed() < VERIFYING {
        if verifier.verify(stand.token(count)).await.is_err() {
            bail!("a token of our own is not believed");
        }
        count += 1;
    }
    Ok(per_second(count, started.elapsed()))
}

impl Side {
    fn new(base: &str, requests_max: u64) -> Result<Self> {
        Ok(Self {
            pool: Pool::new(base, requests_max)?,
            host: base.trim_start_matches("http://").to_owned(),
            latencies: Latencies::new()?,
            requests: AtomicU64::default(),
            answered: AtomicU64::default(),
            errors: AtomicU64::default(),
        })
    }

    /// Sends requests on a schedule that nobody can slow down, and waits for the last answer.
    async fn turn(self: &Arc<Self>, rate: u32, stand: &Stand, length: Duration) {
        let started = Instant::now();
        open_loop(rate, started, started + length, |index, due| {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let (side, token) = (Arc::clone(self), stand.bearer(index));
            tokio::spawn(async move { side.ask(&token, due).await });
        })
        .await;
        let is_under_way = || {
            let [requests, answered] =
                [&self.requests, &self.answered].map(|count| count.load(Ordering::Relaxed));
            requests > answered
        };
        while is_under_way() {
            sleep(Duration::from_millis(1)).await;
        }
    }

    async fn ask(&self, token: &str, due: Instant) {
        let request = Request::get(stand::PATH)
            .header("host", &self.host)
            .header("x-customer-id", "bench")
            .header("authorization", token)
            .body(Full::new(Bytes::new()));
        let answered = match request {
            Ok(request) => {
                let answer = self.pool.exchange(request, ANSWER_WITHIN).await;
                matches!(answer, Ok((StatusCode::OK, _)))
            }
            Err(_) => false,
        };
        self.latencies.record(due.elapsed());
        self.errors.fetch_add(u64::from(!answered), Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn print(report: &Report) {
    let row = |name: &str, of: &Quantiles| {
        let ms = |value: Option<f64>| value.map_or("–".to_owned(), |n| n.to_string());
        let values = [of.p50, of.p99, of.p999, of.max].map(ms);
        [name.to_owned()].into_iter().chain(values).collect::<Vec<_>>()
    };
    output::table(
        &["ms", "p50", "p99", "p99.9", "max"],
        [
            row("the service", &report.direct_ms),
            row("through the gateway", &report.gateway_ms),
            row("more", &report.added_ms),
        ],
    );
    output::say(format_args!(
        "{} requests at {} a second, {} errors",
        report.requests, report.rate, report.errors
    ));
    output::say(format_args!(
        "{} tokens verified per second and core",
        report.verifications_per_s_per_core
    ));
    output::say(&report.machine);
}
