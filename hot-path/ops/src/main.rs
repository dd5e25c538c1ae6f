//! `lmall-ops`: the operator service on AWS.

use std::{process::ExitCode, sync::Arc};

use lmall_app::ports::Table;
use lmall_aws::DeadLetterBook;
use lmall_ops::{Analytics, Parts, SLOW_ROUTE};
use lmall_service::Shell;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's operator service: audit, summary, dead letters.
#[derive(clap::Parser)]
#[command(name = "lmall-ops", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-ops", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut shell = Shell::open("lmall-ops", &arguments.service).await?;
    shell.consume(Arc::new(Analytics::new(&shell.metrics)));
    let parts = Parts {
        store: shell.store.clone(),
        scan: shell.store.clone(),
        letters: Arc::new(DeadLetterBook::new(&shell.clients, shell.clock.clone())),
        clock: shell.clock.clone(),
    };
    let router = lmall_ops::router(parts, shell.operator_token.clone());
    shell.serve(router, lmall_ops::openapi(), &[SLOW_ROUTE], &Table::ALL).await
}
