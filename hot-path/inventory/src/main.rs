//! `lmall-inventory`: the inventory service on AWS.

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use lmall_app::{
    failure::{Failure, chain},
    ports::{Notice, Notices, Table},
    stock::{Drift, Inventory, Settings},
};
use lmall_aws::{
    EventBridge,
    redis::{Redis, RedisGate},
};
use lmall_service::{BadConfiguration, CERTAIN, PROMPT, Shell};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's inventory service: the stock ledger.
#[derive(clap::Parser)]
#[command(name = "lmall-inventory", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
    /// Seconds a reservation outlives its order's `pay_by`
    #[arg(long, env = "LMALL_RESERVATION_GRACE_S", value_name = "S", default_value_t = 300)]
    reservation_grace_s: u32,
    /// Into how many buckets the ledger row of a new SKU is split
    #[arg(long, env = "LMALL_STOCK_BUCKETS", value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=64))]
    stock_buckets: u8,
    /// The stock gate: redis://host:port or rediss://…; nodes of a cluster, separated by commas
    #[arg(long, env = "LMALL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: String,
    /// Address to listen on for gRPC, within the private network; nowhere if unset
    #[arg(long, env = "LMALL_GRPC_LISTEN", value_name = "ADDR")]
    grpc_listen: Option<SocketAddr>,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-inventory", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let redis = Redis::new(&arguments.redis_url)
        .map_err(|error| BadConfiguration(format!("LMALL_REDIS_URL: {error}")))?;
    let mut shell = Shell::open("lmall-inventory", &arguments.service).await?;
    let settings = Settings {
        reservation_grace: Duration::from_secs(arguments.reservation_grace_s.into()),
        buckets: arguments.stock_buckets,
    };
    let gate = Arc::new(RedisGate::new(redis));
    let inventory = Inventory::new(shell.store.clone(), gate, shell.clock.clone(), settings);
    shell.consume(Arc::new(inventory.clone()));
    let lapsed = inventory.clone();
    shell.tasks.every(PROMPT, "expire reservations", move || {
        let inventory = lapsed.clone();
        async move { inventory.expire_lapsed().await }
    });
    keep_gate(&mut shell, &inventory);
    if let Some(address) = arguments.grpc_listen {
        answer_calls(&mut shell, &inventory, address).await?;
    }
    let router = lmall_inventory::router(inventory, shell.operator_token.clone());
    shell.serve(router, lmall_inventory::openapi(), &[], &[Table::Inventory]).await
}

/// Answers what other services ask over gRPC.
async fn answer_calls(
    shell: &mut Shell,
    inventory: &Inventory,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for gRPC"))?;
    let (inventory, metrics) = (inventory.clone(), shell.metrics.clone());
    shell.serve_beside(move |ready, mut stop| {
        let services = lmall_rpc::Services::new(ready).inventory(inventory);
        Box::pin(async move {
            lmall_rpc::serve(listener, services, &metrics, async move { stop.fired().await }).await
        })
    });
    Ok(())
}

/// Rebuilds the SKUs that were found unknown, each second; compares all with the ledger, now and
/// each minute. A gate that is unknown leaves the ledger alone to decide: nobody waits for this.
fn keep_gate(shell: &mut Shell, inventory: &Inventory) {
    let noted = inventory.clone();
    shell.tasks.every(PROMPT, "rebuild the stock gate", move || {
        let inventory = noted.clone();
        async move { inventory.rebuild_noted().await }
    });
    let notices = Arc::new(EventBridge::new(&shell.clients));
    let (first, told) = (inventory.clone(), notices.clone());
    shell.tasks.spawn(async move {
        match check(first, told).await {
            Ok(rebuilt) => tracing::info!(rebuilt, "the stock gate was checked"),
            Err(failure) => {
                let error = chain(&failure);
                tracing::warn!(error, "the stock gate cannot be checked");
            }
        }
    });
    let gated = inventory.clone();
    shell
        .tasks
        .every(CERTAIN, "check the stock gate", move || check(gated.clone(), notices.clone()));
}

/// Rebuilds what is unknown or has drifted, and tells of the latter: it should not be.
async fn check(inventory: Inventory, notices: Arc<EventBridge>) -> Result<usize, Failure> {
    let Drift { unknown, drifted, .. } = inventory.check_drift().await?;
    if !drifted.is_empty() {
        notices.tell(Notice::GateDrifted { skus: drifted.len() }).await;
    }
    Ok(unknown + drifted.len())
}
