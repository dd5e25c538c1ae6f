//! `lmall-id-generator`: the id generator on AWS.

use std::{process::ExitCode, sync::Arc};

use lmall_app::ids::{Ids, LeasedIds, Ulids, public::PublicIds};
use lmall_id_generator::Parts;
use lmall_runtime::SystemChance;
use lmall_service::Shell;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's id generator: ids in batches, and their public form.
#[derive(clap::Parser)]
#[command(name = "lmall-id-generator", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
    /// Keys of public ids, the newest first: NAME:HEX,NAME:HEX, with a name of one digit of
    /// base 32 and 32 hexadecimal digits each; the parameter `public-id-keys` if unset, and no
    /// public ids without either
    #[arg(long, env = "LMALL_PUBLIC_ID_KEYS", value_name = "KEYS", hide_env_values = true)]
    public_id_keys: Option<String>,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-id-generator", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut shell = Shell::open("lmall-id-generator", &arguments.service).await?;
    let public_ids = PublicIds::default();
    let taken = public_ids.clone();
    let take = move |text: &str| text.parse().map(|keys| taken.replace(keys));
    shell.optional_secret("public-id-keys", arguments.public_id_keys.as_deref(), take).await?;
    // Not acquired: it answers ULIDs until the store is there.
    let leased = Arc::new(LeasedIds::unleased(shell.store.clone(), shell.clock.clone()));
    let backup = Ulids::new(shell.clock.clone(), Arc::new(SystemChance));
    let (keeper, stop) = (leased.clone(), shell.tasks.stop());
    shell.tasks.spawn(async move { keeper.keep(stop).await });
    lmall_id_generator::watch(leased.clone(), &shell.metrics);
    let holder = leased.clone();
    shell.ready_while(move || match holder.leased() {
        Some(_) => Ok(()),
        None => Err("no lease of a machine id: ids are ULIDs".to_owned()),
    });
    let parts = Parts { ids: Arc::new(Ids::new(leased, backup)), public_ids };
    let router = lmall_id_generator::router(parts, shell.operator_token.clone(), &shell.metrics);
    shell.serve(router, lmall_id_generator::openapi(), &[], &[]).await
}
