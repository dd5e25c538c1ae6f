//! `lmall-payment`: the payment service on AWS.

use std::{process::ExitCode, sync::Arc};

use lmall_app::{
    payment::{InvalidProviders, Payments, Providers},
    ports::Table,
};
use lmall_payment::{DemoProvider, OrderService};
use lmall_service::{CERTAIN, Shell};
use lmall_web::client::BaseUrl;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's payment service: webhooks and payments.
#[derive(clap::Parser)]
#[command(name = "lmall-payment", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
    /// Payment providers as JSON: [{"name":"demo","scheme":"generic","secrets":["whsec_…"]}]; the
    /// parameter `providers` if unset
    #[arg(long, env = "LMALL_PROVIDERS", value_name = "JSON", hide_env_values = true)]
    providers: Option<String>,
    /// Where the order service is
    #[arg(long, env = "LMALL_ORDER_URL", value_name = "URL")]
    order_url: BaseUrl,
    /// Where a provider named `demo` calls the webhook; this process if unset
    #[arg(long, env = "LMALL_DEMO_WEBHOOK_URL", value_name = "URL")]
    demo_webhook_url: Option<BaseUrl>,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-payment", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut shell = Shell::open("lmall-payment", &arguments.service).await?;
    let providers = Arc::<Providers>::default();
    let configured = providers.clone();
    let take = move |json: &str| -> Result<(), InvalidProviders> {
        configured.replace(Providers::parse(json)?)
    };
    shell.secret("providers", arguments.providers.as_deref(), take).await?;
    let shop = arguments.demo_webhook_url.map_or_else(|| shell.own_url(), Ok)?;
    let gateway = Arc::new(DemoProvider::new(shop, providers.clone(), shell.clock.clone()));
    let payments = Payments::new(shell.store.clone(), gateway, shell.clock.clone(), providers);
    shell.consume(Arc::new(payments.clone()));
    let chased = payments.clone();
    shell.tasks.every(CERTAIN, "chase refunds", move || {
        let payments = chased.clone();
        async move { payments.chase_refunds().await }
    });
    let owners = Arc::new(OrderService::new(arguments.order_url, shell.operator_token.clone()));
    let router = lmall_payment::router(payments, owners, shell.operator_token.clone());
    shell.serve(router, lmall_payment::openapi(), &[], &[Table::Payment]).await
}
