//! `lmall bench orders`: whole sagas over HTTP, from placing an order to seeing it CONFIRMED.
//!
//! With a rate the load is an open loop: a saga's latency counts from the moment it was due, so
//! a server that stalls cannot hide it by slowing the load down (no coordinated omission).

use std::{
    borrow::Cow,
    fmt::Write,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, request::Builder};
use http_body_util::Full;
use lmall_payment::DEMO_PROVIDER;
use serde::Deserialize;
use tokio::time::{sleep, timeout_at};

use super::{
    DataDir, Pool, progress, raise_descriptor_limit,
    report::{Around, Sample, Tally},
    schedule::{Window, closed_loop, open_loop},
    show,
};
use crate::{
    cli::{OrdersArgs, Rate},
    client::{Api, Money, Signer, now},
    output,
    process::{self, Server},
};

/// Time before the window, beyond the think time, in which connections and caches fill.
const WARM_UP: Duration = Duration::from_secs(2);

/// Longest time for the 201, and from the payment to CONFIRMED.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// What one look at an order asks the server to wait, and what it is given on top.
const LOOK_WAIT_S: u64 = 10;
const LOOK_TIMEOUT: Duration = Duration::from_secs(LOOK_WAIT_S + 5);

/// Looks that may follow each other at once; a server that answers early is not asked in a loop.
const LOOKS_AT_ONCE: u32 = 3;

/// Units received of each product: more than any run sells.
const STOCK: u32 = 1_000_000_000;

/// Price of every product, in cents.
const PRICE: u32 = 1_999;

/// Customers the orders are spread over.
const CUSTOMERS: u64 = 10_000;

/// The step whose answer must be a 201, as errors name it.
const PLACE: &str = "place";

/// Runs `lmall bench orders`.
pub(super) fn run(args: &OrdersArgs) -> Result<ExitCode> {
    let requests_max = raise_descriptor_limit()?;
    let data = DataDir::new(args.data.as_deref())?;
    let fsyncs = data.probe_fsyncs()?;
    let (report, errors) = process::block_on(async {
        let server = Server::start(&data.path, &[])?;
        let api = server.api()?;
        let load = Arc::new(Load::set_up(args, &server, &api, requests_max).await?);
        if args.preload > 0 {
            preload(args, &load).await?;
        }
        let tally = Arc::new(Tally::new(window(args, &load))?);
        let (before, after) = measure(args, &load, &tally, &server, &api).await?;
        tally.check_rest(&api).await?;
        server.stop()?;
        let around = Around::between(&before, &after, fsyncs);
        Ok((tally.report(&around), tally.errors()))
    })?;
    if args.json {
        output::json(&report);
    } else {
        report.print();
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The window to measure, from now on.
fn window(args: &OrdersArgs, load: &Load) -> Window {
    let from = Instant::now() + WARM_UP + load.think;
    Window { from, to: from + Duration::from_secs(args.seconds.into()) }
}

/// Runs sagas flat out, so that the store is as large as one that has been in use.
async fn preload(args: &OrdersArgs, load: &Arc<Load>) -> Result<()> {
    let count = args.preload;
    let now = Instant::now();
    let tally = Arc::new(Tally::new(Window { from: now, to: now })?);
    // One failure is enough: what follows would only fail slowly, a million times.
    let goes_on = {
        let tally = Arc::clone(&tally);
        move |index| index < count && tally.errors() == 0
    };
    let saga = {
        let (load, tally) = (Arc::clone(load), Arc::clone(&tally));
        move |index, due| Arc::clone(&load).counted(Arc::clone(&tally), index, due, Duration::ZERO)
    };
    let running = closed_loop(args.concurrency, goes_on, saga);
    let bar = progress(count, "preload {wide_bar} {pos}/{len} sagas, {per_sec}, {eta} left");
    tokio::select! {
        () = running => {}
        () = show(&bar, || tally.finished()) => {}
    }
    bar.finish_and_clear();
    ensure!(tally.errors() == 0, "preloading failed: {:?}", tally.reasons());
    Ok(())
}

/// Offers the load over warm-up and window, samples the server at the window's ends, and waits
/// for the last sagas.
async fn measure(
    args: &OrdersArgs,
    load: &Arc<Load>,
    tally: &Arc<Tally>,
    server: &Server,
    api: &Api,
) -> Result<(Sample, Sample)> {
    let window = tally.window();
    let offering = offer(args.rate, args.concurrency, Arc::clone(load), Arc::clone(tally));
    let offering = tokio::spawn(offering);
    let sampling = async {
        sleep(window.from.saturating_duration_since(Instant::now())).await;
        let before = Sample::take(server, api).await?;
        sleep(window.to.saturating_duration_since(Instant::now())).await;
        anyhow::Ok((before, Sample::take(server, api).await?))
    };
    let started = Instant::now();
    let bar = progress((window.to - started).as_secs(), "measure {wide_bar} {pos}/{len} s, {msg}");
    let position = || {
        bar.set_message(format!("{} sagas, {} errors", tally.finished(), tally.errors()));
        started.elapsed().as_secs()
    };
    let samples = tokio::select! {
        samples = sampling => samples?,
        () = show(&bar, position) => bail!("the progress bar ended"),
    };
    bar.finish_and_clear();
    offering.await.context("the load ended early")?;
    load.drained(tally).await;
    Ok(samples)
}

/// Begins sagas until the window ends.
async fn offer(rate: Rate, buyers: u32, load: Arc<Load>, tally: Arc<Tally>) {
    let (think, end) = (load.think, tally.window().to);
    match rate {
        Rate::Max => {
            let saga =
                move |index, due| Arc::clone(&load).counted(Arc::clone(&tally), index, due, think);
            closed_loop(buyers, move |_| Instant::now() < end, saga).await;
        }
        Rate::PerSecond(rate) => {
            open_loop(rate.get(), Instant::now(), end, |index, due| {
                let saga = Arc::clone(&load).counted(Arc::clone(&tally), index, due, think);
                tokio::spawn(saga);
            })
            .await;
        }
    }
}

/// The part of a placed order that the load needs.
#[derive(Deserialize)]
struct Placed<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// The part of an order that tells whether the saga is over.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    cancel_reason: Option<Cow<'a, str>>,
}

/// What all sagas share.
struct Load {
    pool: Pool,
    host: String,
    signer: Signer,
    skus: Vec<String>,
    lines: usize,
    think: Duration,
    /// What each order costs.
    amount: u32,
    /// Distinguishes this run's events from those of an earlier one in the same data directory.
    tag: String,
    created: String,
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Load {
    /// Creates the products and receives their stock.
    async fn set_up(
        args: &OrdersArgs,
        server: &Server,
        api: &Api,
        requests_max: u64,
    ) -> Result<Self> {
        let tag = process::random_hex(4)?;
        let skus: Vec<_> = (0..args.skus).map(|index| format!("bench-{tag}-{index}")).collect();
        let price = Money { amount: PRICE.into(), currency: "EUR".to_owned() };
        for sku in &skus {
            api.put_product(sku, "Bench product", &price).await?;
            api.receive(sku, STOCK, &format!("{sku}-receipt")).await?;
        }
        let think_ms = if args.rate == Rate::Max { 0 } else { args.think_ms };
        Ok(Self {
            pool: Pool::new(server.base(), requests_max)?,
            host: server.base().trim_start_matches("http://").to_owned(),
            signer: Signer::new(server.provider_secret()),
            skus,
            lines: usize::try_from(args.lines)?,
            think: Duration::from_millis(think_ms.into()),
            amount: PRICE * args.lines,
            tag,
            created: now().to_string(),
            begun: AtomicU64::default(),
            ended: AtomicU64::default(),
        })
    }

    /// Runs a saga and counts how it went.
    async fn counted(
        self: Arc<Self>,
        tally: Arc<Tally>,
        index: u64,
        due: Instant,
        think: Duration,
    ) {
        tally.begun(due);
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        if let Err(reason) = self.saga(&tally, index, number, due, think).await {
            tally.failed(reason);
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for the sagas under way; those that never end are errors.
    async fn drained(&self, tally: &Tally) {
        let deadline = Instant::now() + self.think + 3 * STEP_TIMEOUT;
        while self.under_way() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..self.under_way() {
            tally.failed("never ended".to_owned());
        }
    }

    fn under_way(&self) -> u64 {
        let ended = self.ended.load(Ordering::Relaxed);
        self.begun.load(Ordering::Relaxed).saturating_sub(ended)
    }

    async fn saga(
        &self,
        tally: &Tally,
        index: u64,
        number: u64,
        due: Instant,
        think: Duration,
    ) -> Result<(), String> {
        let customer = format!("bench-{}", index % CUSTOMERS);
        let id = self.place(&customer, index).await?;
        let placed = Instant::now();
        tally.placed(due, placed);

        let payment_due = placed + think;
        if !think.is_zero() {
            sleep(think).await;
        }
        self.pay(&id, number).await?;
        let deadline = payment_due + STEP_TIMEOUT;
        timeout_at(deadline.into(), self.see_confirmed(&customer, &id))
            .await
            .unwrap_or_else(|_| Err(format!("confirm: not in {} s", STEP_TIMEOUT.as_secs())))?;
        let now = Instant::now();
        tally.confirmed(due, now, now.saturating_duration_since(payment_due));
        Ok(())
    }

    /// Places an order of one unit of each of a few products, which take turns; its id.
    async fn place(&self, customer: &str, index: u64) -> Result<String, String> {
        let count = u64::try_from(self.skus.len()).unwrap_or(1);
        let first = usize::try_from(index % count).unwrap_or(0);
        let mut body = String::with_capacity(20 + 64 * self.lines);
        body.push_str("{\"lines\":[");
        for (line, sku) in self.skus.iter().cycle().skip(first).take(self.lines).enumerate() {
            let comma = if line > 0 { "," } else { "" };
            let _infallible = write!(body, "{comma}{{\"sku\":\"{sku}\",\"quantity\":1}}");
        }
        body.push_str("]}");
        let request = self
            .request(Method::POST, "/v1/orders")
            .header("x-customer-id", customer)
            .header("content-type", "application/json");
        let answer = self.send(PLACE, request, body, STEP_TIMEOUT).await?;
        let placed: Placed<'_> = read(PLACE, &answer)?;
        Ok(placed.id.into_owned())
    }

    async fn pay(&self, order_id: &str, number: u64) -> Result<(), String> {
        let Self { tag, created, amount, .. } = self;
        let body = format!(
            r#"{{"id":"evt-{tag}-{number}","type":"payment.captured","created":"{created}","data":{{"order_id":"{order_id}","payment_id":"pay-{tag}-{number}","amount":{amount},"currency":"EUR"}}}}"#
        );
        let timestamp = now().as_secs().to_string();
        let signature = self.signer.sign(&timestamp, body.as_bytes());
        let request = self
            .request(Method::POST, &format!("/v1/webhooks/{DEMO_PROVIDER}"))
            .header("x-lmall-timestamp", timestamp)
            .header("x-lmall-signature", signature)
            .header("content-type", "application/json");
        self.send("pay", request, body, STEP_TIMEOUT).await.map(drop)
    }

    async fn see_confirmed(&self, customer: &str, order_id: &str) -> Result<(), String> {
        let path = format!("/v1/orders/{order_id}");
        let mut looks = 0_u32;
        loop {
            let request = self
                .request(Method::GET, &path)
                .header("x-customer-id", customer)
                .header("prefer", format!("wait={LOOK_WAIT_S}"));
            let answer = self.send("confirm", request, String::new(), LOOK_TIMEOUT).await?;
            let seen: Seen<'_> = read("confirm", &answer)?;
            match &*seen.status {
                "CONFIRMED" => return Ok(()),
                "CANCELED" => {
                    let reason = seen.cancel_reason.unwrap_or_default();
                    return Err(format!("confirm: CANCELED {reason}"));
                }
                // Whatever else there may be is not final, so the saga is not over.
                _ if looks >= LOOKS_AT_ONCE => sleep(Duration::from_millis(5)).await,
                _ => looks += 1,
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> Builder {
        Request::builder().method(method).uri(path).header("host", &self.host)
    }

    /// Sends one step; its reasons to fail are few, so that they can be counted.
    async fn send(
        &self,
        step: &str,
        request: Builder,
        body: String,
        within: Duration,
    ) -> Result<Bytes, String> {
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|cause| format!("{step}: {cause}"))?;
        // Placing must answer 201: nothing else promises that the order lasts.
        let right = |status: StatusCode| {
            if step == PLACE { status == StatusCode::CREATED } else { status.is_success() }
        };
        match self.pool.exchange(request, within).await {
            Ok((status, body)) if right(status) => Ok(body),
            Ok((status, _)) => Err(format!("{step}: {status}")),
            Err(reason) => Err(format!("{step}: {reason}")),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(step: &str, body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|_| format!("{step}: unreadable answer"))
}
