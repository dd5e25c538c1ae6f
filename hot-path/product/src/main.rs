//! `lmall-product`: the product service on AWS, with the index of its search in memory and the
//! consumer of its queue.
//!
//! The routes are those of `functions/product-api`, which `lmall serve` mounts as well.

use std::{process::ExitCode, sync::Arc};

use lmall_app::{
    catalogue::{Catalogue, FOLLOW_EVERY, ProductSearch},
    ports::Table,
};
use lmall_product_api::{InventoryService, OrderService, PRODUCTS_MAX, Parts, TextIndex};
use lmall_service::Shell;
use lmall_web::client::BaseUrl;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's product service: products, prices, search, reviews, recommendations.
#[derive(clap::Parser)]
#[command(name = "lmall-product", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
    /// Where the inventory service is
    #[arg(long, env = "LMALL_INVENTORY_URL", value_name = "URL")]
    inventory_url: BaseUrl,
    /// Where the order service is
    #[arg(long, env = "LMALL_ORDER_URL", value_name = "URL")]
    order_url: BaseUrl,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-product", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut shell = Shell::open("lmall-product", &arguments.service).await?;
    let copies = OrderService::new(arguments.order_url, shell.operator_token.clone());
    let catalogue = Catalogue::new(shell.store.clone(), shell.clock.clone(), Arc::new(copies));
    shell.consume(Arc::new(catalogue.clone()));
    let index = Arc::new(TextIndex::new()?);
    let search = Arc::new(ProductSearch::new(catalogue.clone(), index, PRODUCTS_MAX));
    let followed = search.clone();
    shell.tasks.every(FOLLOW_EVERY, "index changed products", move || {
        let search = followed.clone();
        async move { search.catch_up().await }
    });
    let availability = Arc::new(InventoryService::new(arguments.inventory_url));
    let parts = Parts { catalogue, search, availability };
    let router = lmall_product_api::router(parts, shell.operator_token.clone());
    shell.serve(router, lmall_product_api::openapi(), &[], &[Table::Catalogue]).await
}
