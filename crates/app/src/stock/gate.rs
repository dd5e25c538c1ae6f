//! Keeping the gate in step with the ledger, which is never changed to please it.

mod noted;
mod rebuild;

use lmall_domain::{
    OrderId, Sku,
    stock::{Line, State},
};

use self::rebuild::at_once;
use super::{Inventory, TABLE};
use crate::{failure::Failure, ports::Query, row};

/// What a check of the gate against the ledger found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// SKUs looked at.
    pub checked: usize,
    /// SKUs that the gate did not know.
    pub unknown: usize,
    /// SKUs whose units differed, and by how many.
    pub drifted: Vec<(Sku, i64)>,
}

/// What a look at one SKU found.
enum Finding {
    Agrees,
    Unknown(Sku),
    Drifted(Sku, i64),
}

/// SKUs read in one query.
const SKUS_PAGE: usize = 1_000;

impl Inventory {
    /// Rebuilds the gate of every SKU from the ledger. Gives how many it knows now.
    ///
    /// # Errors
    /// When the store or the gate does not answer.
    pub async fn prewarm(&self) -> Result<usize, Failure> {
        let skus = self.skus().await?;
        let all = skus.len();
        let left = self.rebuild(skus).await?;
        Ok(all - left.len())
    }

    /// Rebuilds the gate of these SKUs from the ledger, for an operator. Gives how many are known
    /// afterwards; one without a ledger is left out.
    ///
    /// # Errors
    /// When the store or the gate does not answer.
    pub async fn rebuild_only(&self, skus: &[Sku]) -> Result<usize, Failure> {
        let mut with_ledger = Vec::with_capacity(skus.len());
        for sku in skus {
            if self.level(sku).await?.is_some() {
                with_ledger.push(sku.clone());
            }
        }
        let all = with_ledger.len();
        let left = self.rebuild(with_ledger).await?;
        Ok(all - left.len())
    }

    /// The gate granted what the ledger refuses: gives it back and rebuilds the SKUs.
    pub(super) async fn heal(&self, order_id: OrderId, lines: &[Line]) -> Result<(), Failure> {
        self.give_back(order_id, lines).await;
        for line in lines {
            tracing::warn!(sku = line.sku.as_str(), "the stock gate had drifted; rebuilding");
        }
        self.rebuild(lines.iter().map(|line| line.sku.clone()).collect()).await.map(drop)
    }

    /// Compares the gate with the ledger, SKU by SKU, and rebuilds what differs: in what can be
    /// had, or in what is held. A SKU with a hold that is not in the ledger yet is skipped: it is
    /// between two steps.
    ///
    /// # Errors
    /// When the store or the gate does not answer.
    pub async fn check_drift(&self) -> Result<Drift, Failure> {
        let skus = self.skus().await?;
        let mut drift = Drift { checked: skus.len(), ..Drift::default() };
        let mut wrong = Vec::new();
        for finding in at_once(skus.into_iter().map(|sku| self.compare(sku))).await? {
            match finding {
                Finding::Agrees => {}
                Finding::Unknown(sku) => {
                    drift.unknown += 1;
                    wrong.push(sku);
                }
                Finding::Drifted(sku, units) => {
                    tracing::warn!(sku = sku.as_str(), units, "the stock gate has drifted");
                    wrong.push(sku.clone());
                    drift.drifted.push((sku, units));
                }
            }
        }
        self.rebuild(wrong).await?;
        Ok(drift)
    }

    async fn compare(&self, sku: Sku) -> Result<Finding, Failure> {
        let before = self.gate.snapshot(&sku).await?;
        let level = self.level(&sku).await?.unwrap_or_default();
        let Some(before) = before else { return Ok(Finding::Unknown(sku)) };
        let units = before.available - level.available;
        let held: i64 = before.holds.iter().map(|(_, units)| units).sum();
        let agrees = units == 0 && held == level.reserved;
        if agrees || self.in_between(&before.holds).await? {
            return Ok(Finding::Agrees);
        }
        let is_same = self.gate.snapshot(&sku).await?.as_ref() == Some(&before);
        Ok(if is_same { Finding::Drifted(sku, units) } else { Finding::Agrees })
    }

    /// Whether a hold of the gate may still become one of the ledger. One that was one, or never
    /// will be, is no reason to wait: the gate may have missed the end of it.
    async fn in_between(&self, holds: &[(OrderId, i64)]) -> Result<bool, Failure> {
        for (order_id, _) in holds {
            let reservation = self.reservation(*order_id).await?;
            if reservation.is_some_and(|row| row.value.state == State::Trying) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every SKU that has a ledger.
    pub(super) async fn skus(&self) -> Result<Vec<Sku>, Failure> {
        let (mut skus, mut after) = self.skus_page(None).await?;
        while after.is_some() {
            let (more, next) = self.skus_page(after).await?;
            skus.extend(more);
            after = next;
        }
        Ok(skus)
    }

    /// Some of them, and `after` of the next page.
    async fn skus_page(
        &self,
        after: Option<String>,
    ) -> Result<(Vec<Sku>, Option<String>), Failure> {
        let query = Query {
            table: TABLE,
            partition: row::SKUS.to_owned(),
            prefix: String::new(),
            after,
            limit: SKUS_PAGE,
            descending: false,
        };
        let page = self.store.query(&query).await?;
        let skus = page.items.iter().filter_map(|item| item.key.sort.parse().ok()).collect();
        Ok((skus, page.next))
    }
}
