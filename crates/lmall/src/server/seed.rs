//! The seed file: products, and the stock to begin with.

use std::path::Path;

use anyhow::Context;
use lmall_app::{Trace, stock::ReceiptOutcome};
use lmall_domain::{
    Money, Sku,
    catalogue::{Change, Offer},
};
use serde::Deserialize;

use super::wiring::Shop;

/// The receipt under which a seed file's stock is booked: loading the file again books nothing.
const REFERENCE: &str = "seed";

/// A product to begin with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sku: Sku,
    name: String,
    price: Money,
    #[serde(default)]
    stock: u32,
}

/// Reads a seed file.
///
/// # Errors
/// When it cannot be read, or an entry cannot be sold.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<(Offer, u32)>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let entries: Vec<Entry> =
        serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    let offer = |Entry { sku, name, price, stock }: Entry| {
        let named = format!("{}: {sku}", file.display());
        Ok((Offer::new(sku, name, price).context(named)?, stock))
    };
    entries.into_iter().map(offer).collect()
}

/// Puts the products into the catalogue and receives their first stock, once.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn load(shop: &Shop, seed: &[(Offer, u32)]) -> anyhow::Result<()> {
    for (offer, stock) in seed {
        let (name, price) = (offer.name.clone(), offer.pricing.base);
        let change = Change::Put { name, price, description: None, categories: None };
        shop.catalogue.change(&offer.sku, &change, &Trace::default()).await?;
        if *stock > 0 {
            let reference = REFERENCE.parse()?;
            let units = i64::from(*stock);
            match shop.inventory.receive(&offer.sku, reference, units, None).await? {
                // The file may say something else by now; stock is booked by receipts.
                ReceiptOutcome::Recorded(_) | ReceiptOutcome::ReferenceReused => {}
                ReceiptOutcome::NotEnough | ReceiptOutcome::TooMuch => {
                    anyhow::bail!("{}: {stock} units cannot be received", offer.sku);
                }
            }
        }
    }
    tracing::info!(products = seed.len(), "catalogue loaded");
    Ok(())
}

/// Gives the product service what the order service sold before there was one: in a data
/// directory from then, that is the only place where products are.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn adopt(shop: &Shop) -> anyhow::Result<()> {
    let (mut after, mut adopted) = (None, 0_usize);
    loop {
        let (offers, next) = shop.orders.offers_of_old(after).await?;
        for offer in offers {
            let sku = offer.sku.clone();
            shop.catalogue.adopt(offer).await.with_context(|| format!("product {sku}"))?;
            adopted += 1;
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    if adopted > 0 {
        tracing::info!(products = adopted, "the product service took products over");
    }
    Ok(())
}
