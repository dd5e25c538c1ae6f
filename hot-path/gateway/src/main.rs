//! `lmall-gateway`: the front door on AWS.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
    process::ExitCode,
};

use anyhow::Context;
use lmall_gateway::Upstreams;
use lmall_web::Metrics;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's front door: one address for all services.
#[derive(clap::Parser)]
#[command(name = "lmall-gateway", version)]
struct Arguments {
    /// Address to listen on; port 0 picks one and the ready line names it
    #[arg(long, env = "LMALL_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Tracing filter; logs go to standard error, as text on a terminal, else JSON
    #[arg(long, env = "LMALL_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    #[command(flatten)]
    upstreams: Upstreams,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-gateway", |arguments: &Arguments| &arguments.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let signal = lmall_web::shutdown_signal()?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let router = lmall_gateway::router(&arguments.upstreams, &Metrics::new());
    let ready = format!("lmall-gateway ready on http://{}", listener.local_addr()?);
    let _reader_gone = writeln!(stdout().lock(), "{ready}");
    lmall_web::serve(listener, router, signal).await?;
    Ok(())
}
