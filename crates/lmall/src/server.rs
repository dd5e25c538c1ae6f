//! `lmall serve`: every service, the relay and the schedules in one process.

mod config;
mod customers;
mod edge;
mod jobs;
mod openapi;
mod seed;
mod waiting;
mod wiring;

use std::{
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::ProgressBar;
use lmall_app::{
    customer::StoredRevocations,
    failure::chain,
    ids::LeasedIds,
    ops::audit::Auditor,
    payment::{Payments, ReconcileError},
    ports::{LoggedNotices, OrderIds},
    shutdown::{self, Shutdown},
};
use lmall_embedded::Embedded;
use lmall_payment::DemoProvider;
use lmall_runtime::SystemClock;
use lmall_web::{Metrics, serve, shutdown_signal};
use tokio::net::TcpListener;

use self::{config::Config, waiting::Waiting, wiring::Shop};
use crate::{
    cli::{ReconcileArgs, ServeArgs},
    operator, output,
};

/// How long consumers may take to finish what they hold, after the last request was answered.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Runs the server until SIGTERM or Ctrl-C. A configuration that cannot be used is exit code 2,
/// like a wrong flag.
///
/// # Errors
/// When it cannot start, or the listener fails.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let usable = lmall_web::telemetry::init(&args.log).map_err(anyhow::Error::from);
    let config = match usable.and_then(|()| Config::new(args)) {
        Ok(config) => config,
        Err(error) => {
            output::complain(format_args!("lmall: {error:#}"));
            return Ok(ExitCode::from(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_until_signal(args, config))?;
    // Nothing that is left matters: what was answered is durable.
    runtime.shutdown_timeout(Duration::from_millis(500));
    Ok(ExitCode::SUCCESS)
}

async fn run_until_signal(args: &ServeArgs, config: Config) -> anyhow::Result<()> {
    let started = Instant::now();
    let signal = shutdown_signal()?;
    let clock = Arc::new(SystemClock::default());
    let embedded = Embedded::open(&args.data, clock.clone())?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    let grpc = grpc_listener(&config).await?;
    let (intake, intake_stopped) = shutdown::channel();
    let (work, work_stopped) = shutdown::channel();
    let metrics = Metrics::new();
    let (listeners, whoever_waits) = (intake_stopped.clone(), intake_stopped.clone());
    let shop =
        Shop::build(&embedded, clock.clone(), &config, &args.data, address, whoever_waits).await?;
    let waiting = Waiting::build(&shop, listeners).await?;
    seed::adopt(&shop).await?;
    seed::load(&shop, &config.seed).await?;
    let mut tasks = jobs::start(&shop, &embedded, &metrics, work_stopped);
    let hall = waiting.start(&mut tasks);
    config.announce();
    let grpc_address = grpc.as_ref().map(TcpListener::local_addr).transpose()?;
    let at_grpc = grpc_address.map(|at| format!(", grpc: {at}")).unwrap_or_default();
    let data = args.data.display();
    output::say(format_args!("lmall ready on http://{address} (data: {data}{at_grpc})"));
    tracing::info!(ready_ms = started.elapsed().as_millis(), "ready");

    let stop = async move {
        signal.await;
        tracing::info!("stopping: no new requests");
        // Whoever waits for an order to change is answered now.
        intake.fire();
    };
    let calls = answer_calls(grpc, &shop, &metrics, intake_stopped);
    let router = wiring::router(&shop, hall, &config, &metrics);
    let ended = Arc::new(StoredRevocations::new(embedded.store(), clock.clone()));
    let router = edge::before(router, args, ended, clock, &metrics);
    let requests = serve(listener, router, stop);
    tokio::try_join!(requests, calls)?;
    work.fire();
    if !tasks.ended(DRAIN_MAX).await {
        tracing::warn!("some work was left to the next start");
    }
    embedded.close();
    Ok(())
}

async fn grpc_listener(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.grpc_listen else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    Ok(Some(listener.with_context(|| format!("cannot listen on {address} for gRPC"))?))
}

/// Answers what other services ask over gRPC, if anywhere, until no more requests are taken.
async fn answer_calls(
    listener: Option<TcpListener>,
    shop: &Shop,
    metrics: &Metrics,
    mut intake: Shutdown,
) -> std::io::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    let stopped = async move { intake.fired().await };
    lmall_rpc::serve(listener, wiring::services(shop), metrics, stopped).await
}

/// Opens a data directory that was made before, for this process alone.
fn open_existing(data: &Path, clock: Arc<SystemClock>) -> anyhow::Result<Embedded> {
    anyhow::ensure!(data.join("lmall.db").is_file(), "no data of LMall in {}", data.display());
    Ok(Embedded::open(data, clock)?)
}

/// Audits a data directory that no server uses: the file itself, then the invariants.
///
/// # Errors
/// When the directory cannot be opened or read.
pub(crate) fn audit_offline(data: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let clock = Arc::new(SystemClock::default());
    let embedded = open_existing(data, clock.clone())?;
    let progress = ProgressBar::new_spinner().with_message("reading the whole file");
    progress.enable_steady_tick(Duration::from_millis(200));
    let broken = embedded.store().integrity_check()?;
    if let Some(first) = broken.first() {
        anyhow::bail!("the data file is damaged: {first}; restore it from a backup");
    }
    let auditor =
        Auditor { store: embedded.store(), scan: embedded.store(), letters: embedded.bus(), clock };
    progress.set_message("checking every order");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(auditor.run())?;
    progress.finish_and_clear();
    embedded.close();
    let ok = report.ok;
    operator::print_audit(&serde_json::from_value(serde_json::to_value(report)?)?, as_json);
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A source of order ids for `lmall bench ids`, on a store of its own; all calls share one.
///
/// # Panics
/// When there is no room for a temporary directory.
pub(crate) fn bench_ids() -> Box<dyn FnMut() -> u64 + Send> {
    static IDS: std::sync::OnceLock<Arc<LeasedIds>> = std::sync::OnceLock::new();
    let ids = Arc::clone(IDS.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let clock = Arc::new(SystemClock::default());
        let embedded = Embedded::open(dir.path(), clock.clone()).expect("a new store opens");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let ids = runtime
            .block_on(LeasedIds::acquire(embedded.store(), clock))
            .expect("a new store has machine ids");
        Arc::new(ids)
    }));
    Box::new(move || ids.next().expect("the lease is longer than a benchmark").get())
}

/// Compares a provider's statement with the payments of a data directory that no server uses,
/// and applies what is missing here. What follows from it happens when the server starts.
///
/// # Errors
/// When the directory or the statement cannot be read.
pub(crate) fn reconcile(args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    let statement = std::fs::File::open(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let clock = Arc::new(SystemClock::default());
    let embedded = open_existing(&args.data, clock.clone())?;
    // No refund is asked for here, and without providers none could be.
    let (nobody, none) = ("http://127.0.0.1".parse()?, Arc::default());
    let gateway = Arc::new(DemoProvider::new(nobody, Arc::clone(&none), clock.clone()));
    let payments = Payments::new(embedded.store(), gateway, clock, none);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report =
        runtime.block_on(payments.reconcile(&*embedded.store(), &LoggedNotices, statement));
    embedded.close();
    let report = match report {
        Ok(report) => report,
        Err(error @ (ReconcileError::Statement(_) | ReconcileError::Amount(_))) => {
            let error = chain(&error);
            output::complain(format_args!("lmall: {}: {error}", args.file.display()));
            return Ok(ExitCode::from(2));
        }
        Err(ReconcileError::Failed(failure)) => return Err(failure.into()),
    };
    operator::print_reconciliation(&report, args.json);
    Ok(if report.differs.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
