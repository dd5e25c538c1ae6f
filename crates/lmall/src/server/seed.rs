//! The seed file: products, and the stock to begin with.

use std::path::Path;

use anyhow::Context;
use lmall_app::stock::ReceiptOutcome;
use lmall_domain::{Money, Sku, product::Product};
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
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<(Product, u32)>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let entries: Vec<Entry> =
        serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    let product = |Entry { sku, name, price, stock }: Entry| {
        let named = format!("{}: {sku}", file.display());
        Ok((Product::new(sku, name, price).context(named)?, stock))
    };
    entries.into_iter().map(product).collect()
}

/// Puts the products into the catalogue and receives their first stock, once.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn load(shop: &Shop, seed: &[(Product, u32)]) -> anyhow::Result<()> {
    for (product, stock) in seed {
        shop.orders.put_product(product).await?;
        if *stock > 0 {
            let reference = REFERENCE.parse()?;
            let units = i64::from(*stock);
            match shop.inventory.receive(&product.sku, reference, units, None).await? {
                // The file may say something else by now; stock is booked by receipts.
                ReceiptOutcome::Recorded(_) | ReceiptOutcome::ReferenceReused => {}
                ReceiptOutcome::NotEnough | ReceiptOutcome::TooMuch => {
                    anyhow::bail!("{}: {stock} units cannot be received", product.sku);
                }
            }
        }
    }
    tracing::info!(products = seed.len(), "catalogue loaded");
    Ok(())
}
