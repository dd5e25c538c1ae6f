//! Operators: they receive and write off stock, change prices, and replay dead letters.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::future::{BoxFuture, join};
use lmall_app::{
    ops::dead_letters::Replayer,
    order::Orders,
    ports::DeadLetterFilter,
    stock::{Inventory, ReceiptOutcome},
};
use lmall_domain::{Money, Sku, catalogue::Offer, id::Reference};
use rand::RngExt;

use super::{Shop, plan::eur, trouble};
use crate::ports::BusPort;

/// Streams of chance from here on belong to operators.
const STREAM: u64 = 900_000;

const PAUSE: Duration = Duration::from_secs(2);

/// Fills the catalogue and the shelves.
pub(super) async fn open(shop: &Shop) {
    for (sku, price, units) in &shop.plan.products {
        put(shop, sku, *price).await;
        if *units > 0 {
            receive(shop, sku, "first", *units).await;
        }
    }
}

/// One thing that an operator does.
pub(super) async fn act(shop: Shop, number: u64) {
    let kernel = shop.system.kernel.clone();
    let mut rng = kernel.stream(STREAM + number);
    let window = u64::try_from(shop.plan.window.as_millis()).unwrap_or(0);
    kernel.sleep(Duration::from_millis(rng.random_range(0..=window))).await;
    let (sku, price, _) = shop.plan.products[rng.random_range(0..shop.plan.products.len())].clone();
    match rng.random_range(0..12_u32) {
        0 => receive(&shop, &sku, &format!("truck-{number}"), rng.random_range(1..=20)).await,
        1 => {
            // The same delivery note twice, at once.
            let reference = format!("twice-{number}");
            let units = rng.random_range(1..=20);
            join(receive(&shop, &sku, &reference, units), receive(&shop, &sku, &reference, units))
                .await;
        }
        2 => receive(&shop, &sku, &format!("lost-{number}"), -rng.random_range(1..=5)).await,
        3 => put(&shop, &sku, eur(price.amount + rng.random_range(1..=9) * 10)).await,
        4 => trouble::poison(&shop, &mut rng),
        5 | 6 => trouble::stray(&shop, &mut rng, number),
        7..=9 => trouble::time_out(&shop, &mut rng).await,
        _ => {
            // Two operators replay the same dead letters.
            join(replay(&shop), replay(&shop)).await;
        }
    }
}

async fn put(shop: &Shop, sku: &Sku, price: Money) {
    let offer = Offer::new(sku.clone(), format!("Product {sku}"), price).expect("an offer");
    let offer = Offer { version: 1 + shop.versions.fetch_add(1, Relaxed), ..offer };
    shop.oracle.priced(sku, price);
    loop {
        let offer = offer.clone();
        let work = |orders: Orders| -> BoxFuture<'static, _> {
            Box::pin(async move { orders.learn(&offer).await })
        };
        if let Some(Ok(_)) = shop.system.ask(work).await {
            return;
        }
        shop.system.kernel.sleep(PAUSE).await;
    }
}

/// Records a receipt, and says so until there is an answer.
async fn receive(shop: &Shop, sku: &Sku, reference: &str, units: i64) {
    let reference: Reference = reference.parse().expect("a reference");
    let mut is_unanswered = false;
    loop {
        let (sku_then, reference_then) = (sku.clone(), reference.clone());
        let work = move |inventory: Inventory| -> BoxFuture<'static, _> {
            Box::pin(async move { inventory.receive(&sku_then, reference_then, units, None).await })
        };
        match shop.system.ask(work).await {
            Some(Ok(ReceiptOutcome::Recorded(_))) => {
                shop.oracle.received(sku, &reference, units);
                return;
            }
            Some(Ok(ReceiptOutcome::NotEnough)) if units < 0 => {
                // A request that was not answered may still be carried out.
                if is_unanswered {
                    shop.oracle.perhaps_received(sku, &reference, units);
                }
                return;
            }
            Some(Ok(outcome)) => {
                let text = format!("receipt {reference} of {units} {sku}: {outcome:?}");
                shop.system.kernel.violate("I1", text);
                return;
            }
            Some(Err(_)) | None => {
                is_unanswered = true;
                shop.system.kernel.sleep(PAUSE).await;
            }
        }
    }
}

/// Replays every dead letter by hand.
pub(super) async fn replay(shop: &Shop) {
    let site = shop.system.kernel.world();
    let bus = Arc::new(BusPort { site: site.clone(), aws: Arc::clone(&shop.system.bus) });
    let replayer = Replayer::new(bus, Arc::new(site.clock()));
    if let Err(failure) = replayer.replay(DeadLetterFilter::default(), false).await {
        site.note(|| format!("the operator's replay failed: {failure}"));
    }
}
