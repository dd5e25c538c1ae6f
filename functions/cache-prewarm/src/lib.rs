//! Rebuilds the stock gate from the ledger, and reports drift.
//!
//! By the clock it compares the gate with the ledger and rebuilds what differs. By hand, and
//! after a deployment, it rebuilds every SKU or those that it is told, and then compares: what
//! it answers is what the gate is like now.
//!
//! It must never change the ledger, whatever the gate says. Running twice is harmless: while a
//! SKU is rebuilt, the ledger alone decides about it.

use std::sync::Arc;

use lmall_app::{
    ports::{Notice, Notices},
    stock::{Drift, Inventory},
};
use lmall_domain::Sku;
use lmall_lambda::{FunctionError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the function works with.
pub struct Parts {
    /// The ledger and the gate.
    pub inventory: Inventory,
    /// Who is told of drift.
    pub notices: Arc<dyn Notices>,
}

/// SKUs that one call may name: it reads the open reservations once for each.
const SKUS_MAX: usize = 100;

/// What a caller wants.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    mode: Mode,
    /// Only these are rebuilt; every SKU when it is empty.
    #[serde(default)]
    skus: Vec<Sku>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Rebuild,
    Check,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// SKUs that were rebuilt because somebody wanted it.
    pub rebuilt: usize,
    /// SKUs compared with the ledger.
    pub checked: usize,
    /// Of those, unknown to the gate, and rebuilt.
    pub unknown: usize,
    /// Of those, different from the ledger, and rebuilt.
    pub drifted: Vec<Drifted>,
}

/// A SKU whose gate differed from the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drifted {
    /// The SKU.
    pub sku: Sku,
    /// What the gate could sell, less what the ledger can.
    pub units: i64,
}

/// Rebuilds and compares.
///
/// # Errors
/// When the store or the gate does not answer: the next run goes on. When the input cannot be
/// read.
pub async fn handle(input: Value, parts: &Parts) -> Result<Report, FunctionError> {
    let rebuilt = match Trigger::<Wish>::read(input)? {
        Trigger::Schedule => 0,
        Trigger::Direct(wish) => rebuild(wish, &parts.inventory).await?,
    };
    let report = report(rebuilt, parts.inventory.check_drift().await?);
    let skus = report.drifted.len();
    if skus > 0 {
        parts.notices.tell(Notice::GateDrifted { skus }).await;
    }
    let Report { checked, unknown, .. } = report;
    tracing::info!(rebuilt, checked, unknown, drifted = skus, "stock gate compared");
    Ok(report)
}

async fn rebuild(wish: Wish, inventory: &Inventory) -> Result<usize, FunctionError> {
    let bad = |text: String| Err(FunctionError::BadInput(text));
    match wish.mode {
        Mode::Check if wish.skus.is_empty() => Ok(0),
        Mode::Check => bad("skus: a check looks at all of them".to_owned()),
        Mode::Rebuild if wish.skus.is_empty() => Ok(inventory.prewarm().await?),
        Mode::Rebuild if wish.skus.len() > SKUS_MAX => {
            bad(format!("skus: {} of them, and at most {SKUS_MAX} are taken", wish.skus.len()))
        }
        Mode::Rebuild => Ok(inventory.rebuild_only(&wish.skus).await?),
    }
}

fn report(rebuilt: usize, drift: Drift) -> Report {
    let drifted = drift.drifted.into_iter().map(|(sku, units)| Drifted { sku, units });
    Report { rebuilt, checked: drift.checked, unknown: drift.unknown, drifted: drifted.collect() }
}
