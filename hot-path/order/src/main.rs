//! `lmall-order`: the order service on AWS.

use std::{process::ExitCode, sync::Arc, time::Duration};

use lmall_app::{
    ids::LeasedIds,
    order::{Orders, Settings},
    ports::Table,
    waiting::AdmissionKeys,
};
use lmall_aws::redis::{Redis, RedisDeadlines};
use lmall_service::{BadConfiguration, PROMPT, Shell};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reminders looked at in one second; more wait for the next one.
const REMINDERS: usize = 500;

/// LMall's order service.
#[derive(clap::Parser)]
#[command(name = "lmall-order", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
    /// Seconds from placing an order to its `pay_by`
    #[arg(long, env = "LMALL_PAYMENT_TIMEOUT_S", value_name = "S", default_value_t = 900)]
    payment_timeout_s: u32,
    /// Reminders of payment deadlines: redis://host:port or rediss://…; nodes of a cluster,
    /// separated by commas. Without it, all open orders that are due are looked at each second
    #[arg(long, env = "LMALL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// Keys of admissions to flash sales as name:hex,…; the parameter `admission-keys` if unset.
    /// Until there are some, no sale begins
    #[arg(long, env = "LMALL_ADMISSION_KEYS", value_name = "KEYS", hide_env_values = true)]
    admission_keys: Option<String>,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-order", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let redis = arguments.redis_url.as_deref().map(Redis::new).transpose();
    let redis = redis.map_err(|error| BadConfiguration(format!("LMALL_REDIS_URL: {error}")))?;
    let mut shell = Shell::open("lmall-order", &arguments.service).await?;
    let keys = AdmissionKeys::default();
    let (given, taken) = (arguments.admission_keys.as_deref(), keys.clone());
    shell.optional_secret("admission-keys", given, move |text| taken.replace(text)).await?;
    let ids = Arc::new(LeasedIds::acquire(shell.store.clone(), shell.clock.clone()).await?);
    let settings =
        Settings { payment_timeout: Duration::from_secs(arguments.payment_timeout_s.into()) };
    let (store, clock) = (shell.store.clone(), shell.clock.clone());
    let orders = Orders::new(store, shell.watch(), clock, ids.clone(), settings);
    let orders = orders.with_admissions(keys).with_kept_offers();
    orders.prepare().await?;
    let orders = cancel_in_time(&mut shell, orders, redis);
    shell.consume(Arc::new(orders.clone()));
    let stop = shell.tasks.stop();
    shell.tasks.spawn(async move { ids.keep(stop).await });
    let token = shell.operator_token.clone();
    let among_services = lmall_order::among_services(orders.clone(), token.clone());
    let router = lmall_order::router(orders, token).merge(among_services);
    shell.serve(router, lmall_order::openapi(), &[], &[Table::Order]).await
}

/// Looks each second for orders whose time is over: in Redis, where that is, else in the store.
/// A reminder that is lost is found by the function that looks into the store each minute.
fn cancel_in_time(shell: &mut Shell, orders: Orders, redis: Option<Redis>) -> Orders {
    const NAME: &str = "cancel overdue orders";
    let Some(redis) = redis else {
        let overdue = orders.clone();
        shell.tasks.every(PROMPT, NAME, move || {
            let orders = overdue.clone();
            async move { orders.cancel_overdue().await }
        });
        return orders;
    };
    let deadlines = Arc::new(RedisDeadlines::new(redis));
    let orders = orders.with_deadlines(deadlines);
    let reminded = orders.clone();
    shell.tasks.every(PROMPT, NAME, move || {
        let orders = reminded.clone();
        async move { orders.cancel_reminded(REMINDERS).await }
    });
    orders
}
