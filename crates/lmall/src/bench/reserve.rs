//! `lmall bench reserve`: many buyers at once for few units. Exactly the units may be reserved.

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    DataDir, raise_descriptor_limit,
    report::{Latencies, Quantiles},
};
use crate::{
    cli::ReserveArgs,
    client::{Api, Caller, Money, Order, Stock},
    output,
    process::{self, Server},
};

/// What each look at an order asks the server to wait.
const WAIT_S: u32 = 10;

/// Looks at an order whose stock is still pending: half a minute.
const LOOKS_MAX: u32 = 3;

/// How the buyers of a round order.
#[derive(Clone, Copy)]
enum Round {
    /// One unit of the scarce product.
    SingleLine,
    /// One unit of the scarce product and one of a plentiful one.
    MultiLine,
    /// Two lines of one unit each, both of the scarce product.
    DuplicateSku,
}

impl Round {
    const ALL: [Self; 3] = [Self::SingleLine, Self::MultiLine, Self::DuplicateSku];

    fn name(self) -> &'static str {
        match self {
            Self::SingleLine => "single line",
            Self::MultiLine => "multi-line",
            Self::DuplicateSku => "duplicate SKU",
        }
    }

    /// Units of the scarce product in one order.
    fn units_each(self) -> u32 {
        match self {
            Self::SingleLine | Self::MultiLine => 1,
            Self::DuplicateSku => 2,
        }
    }
}

/// What a round has shown.
#[derive(Serialize)]
struct RoundReport {
    round: &'static str,
    ok: bool,
    held: u32,
    held_expected: u32,
    refused: u32,
    /// Buyers without an answer, or whose stock stayed undecided.
    undecided: u32,
    reserved: i64,
    reserved_expected: i64,
    available: i64,
    answer_ms: Quantiles,
    errors: Vec<String>,
}

/// What `lmall bench reserve` prints.
#[derive(Serialize)]
struct Report {
    ok: bool,
    concurrency: u32,
    units: u32,
    rounds: Vec<RoundReport>,
    audit_ok: bool,
}

/// Runs `lmall bench reserve`.
pub(super) fn run(args: &ReserveArgs) -> Result<ExitCode> {
    raise_descriptor_limit()?;
    let data = DataDir::new(None)?;
    let report = process::block_on(async {
        let server = Server::start(&data.path, &[])?;
        let api = server.api()?;
        let mut rounds = Vec::new();
        for round in Round::ALL {
            rounds.push(play(args, round, &api).await?);
        }
        // The orders that hold stock are not paid, so the installation cannot be at rest.
        let audit_ok = api.audit().await?.ok;
        server.stop()?;
        let ok = audit_ok && rounds.iter().all(|round| round.ok);
        let (concurrency, units) = (args.concurrency, args.units);
        Ok(Report { ok, concurrency, units, rounds, audit_ok })
    })?;
    if args.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(args: &ReserveArgs, round: Round, api: &Api) -> Result<RoundReport> {
    let tag = process::random_hex(4)?;
    let (scarce, plenty) = (format!("scarce-{tag}"), format!("plenty-{tag}"));
    let price = Money { amount: 1_999, currency: "EUR".to_owned() };
    for (sku, units) in [(&scarce, args.units), (&plenty, args.concurrency)] {
        api.put_product(sku, "Bench product", &price).await?;
        api.receive(sku, units, &format!("{sku}-receipt")).await?;
    }
    let latencies = Latencies::new()?;
    let answers = all_at_once(args, round, api, &scarce, &plenty, &latencies).await?;

    let held_expected = args.concurrency.min(args.units / round.units_each());
    let reserved_expected = i64::from(held_expected * round.units_each());
    let stock = api.stock(&scarce).await?;
    let with = |wanted: &str| answers.iter().flatten().filter(|stock| *stock == wanted).count();
    let (held, refused) = (u32::try_from(with("held"))?, u32::try_from(with("refused"))?);
    let mut errors: Vec<_> = answers.iter().filter_map(|answer| answer.clone().err()).collect();
    errors.sort_unstable();
    errors.dedup();
    let available = i64::from(args.units) - reserved_expected;
    let expected = Stock { available, reserved: reserved_expected, sold: 0 };
    let plenty_right = match round {
        Round::MultiLine => api.stock(&plenty).await?.reserved == reserved_expected,
        Round::SingleLine | Round::DuplicateSku => true,
    };
    if !plenty_right {
        errors.push("the plentiful product is reserved for orders that were refused".to_owned());
    }
    let decided = held == held_expected && held + refused == args.concurrency;
    Ok(RoundReport {
        round: round.name(),
        ok: decided && stock == expected && errors.is_empty(),
        held,
        held_expected,
        refused,
        undecided: args.concurrency - held - refused,
        reserved: stock.reserved,
        reserved_expected,
        available: stock.available,
        answer_ms: latencies.quantiles(),
        errors,
    })
}

/// Lets all buyers order at the same time; the `stock` of each order once it is decided.
async fn all_at_once(
    args: &ReserveArgs,
    round: Round,
    api: &Api,
    scarce: &str,
    plenty: &str,
    latencies: &Latencies,
) -> Result<Vec<Result<String, String>>> {
    let mut buyers = JoinSet::new();
    for number in 0..args.concurrency {
        let (api, scarce, plenty) = (api.clone(), scarce.to_owned(), plenty.to_owned());
        buyers.spawn(async move {
            let started = Instant::now();
            let customer = Caller::Named(format!("buyer-{number}"));
            let order = buy(&api, round, &customer, &scarce, &plenty).await;
            let stock = order.map(|order| order.stock).map_err(|error| format!("{error:#}"));
            (started.elapsed(), stock)
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = buyers.join_next().await {
        let (latency, stock) = answer.context("a buyer panicked")?;
        latencies.record(latency);
        answers.push(stock);
    }
    Ok(answers)
}

async fn buy(
    api: &Api,
    round: Round,
    customer: &Caller,
    scarce: &str,
    plenty: &str,
) -> Result<Order> {
    let lines: &[(&str, u32)] = match round {
        Round::SingleLine => &[(scarce, 1)],
        Round::MultiLine => &[(scarce, 1), (plenty, 1)],
        Round::DuplicateSku => &[(scarce, 1), (scarce, 1)],
    };
    let mut order = api.place(customer, lines, None, Some(WAIT_S)).await?;
    for _ in 0..LOOKS_MAX {
        if order.stock != "pending" {
            break;
        }
        order = api.order(customer, &order.id, Some(WAIT_S)).await?;
    }
    Ok(order)
}

fn print(report: &Report) {
    let rows = report.rounds.iter().map(|round| {
        let ms = |value: Option<f64>| value.map_or("–".to_owned(), |n| n.to_string());
        vec![
            round.round.to_owned(),
            format!("{} of {}", round.held, round.held_expected),
            round.refused.to_string(),
            round.undecided.to_string(),
            format!("{} of {}", round.reserved, round.reserved_expected),
            ms(round.answer_ms.p50),
            ms(round.answer_ms.p99),
            if round.ok { "✓" } else { "✗" }.to_owned(),
        ]
    });
    let header =
        ["round", "held", "refused", "undecided", "units reserved", "p50 ms", "p99 ms", "right"];
    output::say(format!("{} buyers for {} units", report.concurrency, report.units));
    output::table(&header, rows);
    for error in report.rounds.iter().flat_map(|round| &round.errors) {
        output::say(format!("error: {error}"));
    }
    output::say(format!("audit: {}", if report.audit_ok { "✓" } else { "✗" }));
}
