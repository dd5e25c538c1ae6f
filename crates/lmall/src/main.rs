//! LMall in one process: the server, its demonstration, its benchmarks and operator commands.
//!
//! `lmall serve` promises that whatever it answered with 2xx survives `kill -9`. It must never
//! run two processes on one data directory, and never print a secret that it was given.

mod bench;
mod cli;
mod client;
mod demo;
mod keys;
mod operator;
mod output;
mod process;
mod server;

use std::process::ExitCode;

use cli::Command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse_or_exit();
    let done = match &cli.command {
        Command::Serve(args) => server::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Bench(command) => bench::run(command, server::bench_ids),
        Command::Audit(args) => match &args.data {
            Some(data) => server::audit_offline(data, args.json),
            None => operator::audit(args),
        },
        Command::Dlq(command) => operator::dlq(command),
        Command::Reconcile(args) => server::reconcile(args),
        Command::Keys(args) => keys::run(args),
    };
    done.unwrap_or_else(|error| {
        output::complain(format_args!("lmall: {error:#}"));
        ExitCode::FAILURE
    })
}
