//! The command line of the simulator.

use std::{ops::Range, process::ExitCode};

use clap::Parser;
use lmall_sim::{
    campaign::{self, Campaign},
    coverage::Observer,
    kernel::{Fault, Trace},
    mutants,
    protocol::Limits,
    report,
    run::{Options, run},
};

/// Runs the whole shop in one thread, on models of AWS, Redis and a payment provider, with every
/// fault that they know, and looks for a broken promise.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    /// Run these seeds; 0..200 where nothing is said.
    #[arg(long, value_name = "A..B", value_parser = range, conflicts_with = "seed")]
    seeds: Option<Range<u64>>,

    /// Run this seed.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Print what happens, step by step.
    #[arg(long, requires = "seed")]
    trace: bool,

    /// Explore the protocol's model to its last state instead; only these runs of it, if any.
    #[arg(long, value_name = "RUN", num_args = 0.., conflicts_with_all = ["seed", "seeds"])]
    model: Option<Vec<String>>,

    /// Try the deliberate bugs instead, which the simulator must find; only these, if any.
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with_all = ["seed", "model"])]
    mutants: Option<Vec<String>>,

    /// Stop at the first broken promise.
    #[arg(long)]
    until_violation: bool,

    /// Multiply the chance of a fault; 0 switches it off. May be given more than once.
    #[arg(long, value_name = "NAME=FACTOR", value_parser = scaled)]
    fault: Vec<(Fault, u32)>,

    /// Threads to use; all cores where nothing is said.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  lmall-sim --seeds 0..10000           many runs, and what they reached
  lmall-sim --seed 42 --trace          one run, line by line
  lmall-sim --seed 42 --fault crash=0  the same without crashes
  lmall-sim --model                    every state of the protocol, within limits
  lmall-sim --mutants                  deliberate bugs, each of which must be found

Exit codes: 0 no promise was broken, 1 one was, 2 the command line makes no sense.";

fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse::<u64>().ok()?..to.parse::<u64>().ok()?));
    parsed.filter(|range| !range.is_empty()).ok_or_else(|| "not a range such as 0..100".to_owned())
}

fn scaled(text: &str) -> Result<(Fault, u32), String> {
    let (name, factor) = text.split_once('=').ok_or("not NAME=FACTOR")?;
    let fault = Fault::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        format!("no such fault; there are {}", names.join(", "))
    })?;
    Ok((fault, factor.parse().map_err(|_| "the factor is a whole number")?))
}

/// A deliberate bug has to be found within so many seeds.
const MUTANT_SEEDS: u64 = 1_000;

/// A seed makes millions of small, short-lived values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cli.threads.unwrap_or(cores);
    if let Some(runs) = &cli.model {
        return explored(runs, threads, cli.json);
    }
    if let Some(only) = cli.mutants {
        return mutants(only, cli.seeds, cli.json);
    }
    let trace = if cli.trace { Trace::Full } else { Trace::Off };
    let options = Options { trace, scaled: cli.fault.clone() };
    if let (Some(seed), true) = (cli.seed, cli.trace) {
        return traced(seed, &options);
    }
    let seeds = cli.seed.map(|seed| seed..seed + 1).or(cli.seeds).unwrap_or(0..200);
    let plan = campaign::Plan { seeds, options, threads, until_violation: cli.until_violation };
    let done = report::with_progress(&plan);
    if cli.json {
        report::json(&done)
    } else {
        report::text(&done)
    }
    verdict(&done)
}

fn explored(names: &[String], threads: usize, json: bool) -> ExitCode {
    let all = Limits::runs();
    let unknown = names.iter().find(|name| all.iter().all(|(known, _)| known != name));
    if let Some(name) = unknown {
        let known: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        return misused(&format!("no run `{name}`; there are {}", known.join(", ")));
    }
    let chosen =
        all.into_iter().filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name));
    let mut is_good = true;
    for (name, limits) in chosen {
        is_good &= report::explore(name, limits, threads, json);
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn mutants(only: Vec<String>, seeds: Option<Range<u64>>, json: bool) -> ExitCode {
    let seeds = seeds.map_or(MUTANT_SEEDS, |seeds| seeds.end);
    let options = mutants::Options { seeds, only, json, threads: None };
    match mutants::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => misused(&format!("{error:#}")),
    }
}

#[expect(clippy::print_stderr, reason = "a command line tells what is wrong with it")]
fn misused(problem: &str) -> ExitCode {
    eprintln!("lmall-sim: {problem}");
    ExitCode::from(2)
}

fn traced(seed: u64, options: &Options) -> ExitCode {
    let observer = Observer::default();
    let outcome = observer.attach(|| run(seed, options, &observer));
    report::timeline(&outcome);
    if outcome.violation.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn verdict(done: &Campaign) -> ExitCode {
    if done.is_good() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
