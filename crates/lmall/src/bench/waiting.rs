//! `lmall bench waiting`: a flash sale with many more customers than units, in this process: the
//! waiting rooms, the order service and its store, and everybody who comes.

mod customer;
mod oracle;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use lmall_app::{
    ids::LeasedIds,
    order::{Orders, Settings as OrderSettings},
    ports::{Admissions, WaitingRooms},
    shutdown,
    waiting::{AdmissionKeys, Doorman, Load, ROUND},
};
use lmall_aws::redis::{Redis, RedisRooms};
use lmall_domain::{Money, Sku, catalogue::Offer, money::Currency, waiting::Settings};
use lmall_embedded::{Embedded, LocalRooms};
use lmall_runtime::SystemClock;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use self::{
    customer::{Customer, Hall},
    oracle::{Seen, inversions},
};
use super::{
    DataDir,
    report::{Machine, Quantiles, per_second, seconds},
};
use crate::{cli::WaitingArgs, output, process};

/// The longest time in which nobody is let through although there are units, and customers.
const STALL_MAX: Duration = Duration::from_secs(5);

/// The longest time for the whole sale.
const SALE_MAX: Duration = Duration::from_secs(600);

/// What `lmall bench waiting` prints.
#[derive(Serialize)]
struct Report {
    ok: bool,
    rooms: &'static str,
    arrivals: u32,
    units: u32,
    abandoning: u32,
    duplicates: u32,
    winners: u32,
    inversions: u64,
    longest_stall_s: f64,
    /// Tokens that were used for a second order: none may be.
    used_twice: u32,
    sale_s: f64,
    arrivals_per_s: f64,
    polls: u64,
    join_ms: Quantiles,
    poll_ms: Quantiles,
    machine: Machine,
}

/// Runs `lmall bench waiting`.
pub(super) fn run(args: &WaitingArgs) -> Result<ExitCode> {
    let data = DataDir::new(None)?;
    let report = process::block_on(async {
        let clock = Arc::new(SystemClock::default());
        let embedded = Embedded::open(&data.path, clock.clone())?;
        let report = sell(args, &embedded, clock).await;
        embedded.close();
        report
    })?;
    if args.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn sell(args: &WaitingArgs, embedded: &Embedded, clock: Arc<SystemClock>) -> Result<Report> {
    let (trigger, stop) = shutdown::channel();
    let mut tasks = JoinSet::new();
    let rooms: Arc<dyn WaitingRooms> = match &args.redis {
        Some(url) => Arc::new(RedisRooms::new(Redis::new(url)?)),
        None => {
            let (rooms, clerk) = LocalRooms::load(embedded.store(), clock.clone()).await?;
            tasks.spawn(clerk.run(stop.clone()));
            Arc::new(rooms)
        }
    };
    let keys = AdmissionKeys::parse(&format!("bench:{}", process::random_hex(32)?))?;
    let sku: Sku = format!("bench-{}", process::random_hex(4)?).parse()?;
    let ids = Arc::new(LeasedIds::acquire(embedded.store(), clock.clone()).await?);
    let (lease, lease_stop) = (Arc::clone(&ids), stop.clone());
    tasks.spawn(async move { lease.keep(lease_stop).await });
    let orders = orders(embedded, clock.clone(), ids, &keys, &sku).await?;
    ensure!(orders.set_flash(&sku, true).await?, "a new store has no flash sale");
    let settings = Settings {
        units: args.units,
        admitted_per_s: args.rate,
        token_life_ms: args.token_life_ms,
        heartbeat_ms: args.heartbeat_ms,
        quantity_max: 1,
    };
    rooms.open(&sku, settings.checked()?).await.context("the waiting rooms do not answer")?;

    let hall = Arc::new(Hall::new(rooms.clone(), orders.clone(), keys, sku.clone(), settings)?);
    let started = Instant::now();
    let customers: Vec<_> = (0..args.arrivals).map(|number| Customer::new(number, &hall)).collect();
    let everybody: JoinSet<Seen> =
        customers.into_iter().map(|customer| customer.run(Arc::clone(&hall))).collect();
    let doorman = Doorman::new(rooms.clone(), Arc::new(orders), clock, Arc::new(Load::default()));
    let stall = serve(&*rooms, &doorman, &sku, args.units).await?;
    let sale = started.elapsed();
    let seen = everybody.join_all().await;
    rooms.close(&sku).await.context("the waiting rooms do not answer")?;
    trigger.fire();
    tasks.join_all().await;
    Ok(report(args, &hall, &seen, stall, sale))
}

/// The order service, with one product.
async fn orders(
    embedded: &Embedded,
    clock: Arc<SystemClock>,
    ids: Arc<LeasedIds>,
    keys: &AdmissionKeys,
    sku: &Sku,
) -> Result<Orders> {
    let store = embedded.store();
    let settings = OrderSettings { payment_timeout: Duration::from_secs(900) };
    let orders = Orders::new(store.clone(), store, clock, ids, settings);
    let orders = orders.with_admissions(keys.clone());
    orders.prepare().await?;
    let price = Money::new(1_999, Currency::from_code("EUR").context("a currency")?);
    orders.learn(&Offer::new(sku.clone(), "Bench product".to_owned(), price)?).await?;
    Ok(orders)
}

/// Looks after the room until everything is sold; says how long it stood still at most.
async fn serve(
    rooms: &dyn WaitingRooms,
    doorman: &Doorman,
    sku: &Sku,
    units: u32,
) -> Result<Duration> {
    let begun = Instant::now();
    let (mut longest, mut admissions, mut moved_at) = (Duration::ZERO, 0, begun);
    loop {
        // Rooms that are late are asked again, as a server does; the stall shows it.
        let round = async {
            doorman.round().await?;
            anyhow::Ok(rooms.summary(sku).await?)
        };
        let (room, now) = (round.await, Instant::now());
        ensure!(now - begun < SALE_MAX, "the sale does not come to its end: {room:?}");
        let Ok(room) = room else {
            tokio::time::sleep(ROUND).await;
            continue;
        };
        let room = room.context("the room is open")?;
        let so_far = room.admitted + room.ordered + room.lapsed;
        if so_far != admissions || room.waiting == 0 {
            (admissions, moved_at) = (so_far, now);
        }
        longest = longest.max(now - moved_at);
        if room.ordered >= units {
            return Ok(longest);
        }
        tokio::time::sleep(ROUND).await;
    }
}

fn report(
    args: &WaitingArgs,
    hall: &Hall,
    seen: &[Seen],
    stall: Duration,
    sale: Duration,
) -> Report {
    let count = |what: fn(&Seen) -> bool| {
        u32::try_from(seen.iter().filter(|seen| what(seen)).count()).unwrap_or(u32::MAX)
    };
    let arrived = seen.iter().map(|seen| seen.joined.1).max();
    let first = seen.iter().map(|seen| seen.joined.0).min();
    let arriving = arrived.zip(first).map_or(Duration::ZERO, |(last, first)| last - first);
    let (winners, used_twice) = (count(|seen| seen.won), count(|seen| seen.used_twice));
    let inversions = inversions(seen);
    Report {
        ok: winners == args.units && inversions == 0 && stall <= STALL_MAX && used_twice == 0,
        rooms: if args.redis.is_some() { "redis" } else { "embedded" },
        arrivals: args.arrivals,
        units: args.units,
        abandoning: count(|seen| seen.abandoned),
        duplicates: count(|seen| seen.came_twice),
        winners,
        inversions,
        longest_stall_s: seconds(stall),
        used_twice,
        sale_s: seconds(sale),
        arrivals_per_s: per_second(args.arrivals.into(), arriving),
        polls: hall.polls(),
        join_ms: hall.joins.quantiles(),
        poll_ms: hall.looks.quantiles(),
        machine: Machine::this(),
    }
}

fn print(report: &Report) {
    let ms = |value: Option<f64>| value.map_or("–".to_owned(), |n| n.to_string());
    let row = |name: &str, of: &Quantiles| {
        vec![name.to_owned(), ms(of.p50), ms(of.p99), ms(of.p999), ms(of.max)]
    };
    output::table(
        &["ms", "p50", "p99", "p99.9", "max"],
        [row("join", &report.join_ms), row("look", &report.poll_ms)],
    );
    let mark = |ok: bool| if ok { "✓" } else { "✗" };
    let Report { winners, units, inversions, longest_stall_s, used_twice, .. } = report;
    output::say(format_args!(
        "{} arrivals on {} rooms, {} a second; {} abandoned it, {} came twice; {} looks",
        report.arrivals,
        report.rooms,
        report.arrivals_per_s,
        report.abandoning,
        report.duplicates,
        report.polls
    ));
    output::say(format_args!("{} {winners} winners of {units} units", mark(winners == units)));
    output::say(format_args!("{} {inversions} inversions", mark(*inversions == 0)));
    output::say(format_args!("{} tokens used twice: {used_twice}", mark(*used_twice == 0)));
    output::say(format_args!(
        "{} stood still for {longest_stall_s} s at most, in {} s",
        mark(*longest_stall_s <= STALL_MAX.as_secs_f64()),
        report.sale_s
    ));
    output::say(&report.machine);
}
