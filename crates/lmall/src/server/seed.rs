//! The seed file: products, and the stock to begin with.

use std::path::Path;

use anyhow::{Context, ensure};
use lmall_app::stock::ReceiptOutcome;
use lmall_domain::{Money, Sku, product::Product};
use serde::Deserialize;

use super::wiring::Shop;

/// The receipt under which a seed file's stock is booked: loading the file again books nothing.
const REFERENCE: &str = "seed";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sku: Sku,
    name: String,
    price: Money,
    #[serde(default)]
    stock: i64,
}

/// Puts the file's products into the catalogue and receives their first stock, once.
///
/// # Errors
/// When the file cannot be read, an entry cannot be sold, or the store does not answer.
pub(super) async fn load(shop: &Shop, file: &Path) -> anyhow::Result<()> {
    let text = tokio::task::block_in_place(|| std::fs::read_to_string(file));
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let entries: Vec<Entry> =
        serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    let count = entries.len();
    for Entry { sku, name, price, stock } in entries {
        let product = Product::new(sku.clone(), name, price).with_context(|| sku.to_string())?;
        shop.orders.put_product(&product).await?;
        if stock != 0 {
            ensure!(stock > 0, "{sku}: stock must not be negative");
            let outcome = shop.inventory.receive(&sku, REFERENCE.parse()?, stock, None).await?;
            match outcome {
                // The file may say something else by now; stock is booked by receipts.
                ReceiptOutcome::Recorded(_) | ReceiptOutcome::ReferenceReused => {}
                ReceiptOutcome::NotEnough | ReceiptOutcome::TooMuch => {
                    anyhow::bail!("{sku}: {stock} units cannot be received");
                }
            }
        }
    }
    tracing::info!(products = count, "catalogue loaded");
    Ok(())
}
