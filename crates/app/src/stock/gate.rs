//! Keeping the gate in step with the ledger, which is never changed to please it.

use std::collections::HashMap;

use lmall_domain::{
    OrderId, Sku,
    stock::{Allocation, Line, Reservation, State},
};

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

/// How often a rebuild begins again because the SKU changed while it was read.
const REBUILD_TRIES: usize = 5;

type Holds = HashMap<Sku, Vec<(OrderId, Vec<Allocation>)>>;

impl Inventory {
    /// Rebuilds the gate of every SKU from the ledger.
    ///
    /// # Errors
    /// When the store or the gate does not answer.
    pub async fn prewarm(&self) -> Result<usize, Failure> {
        let skus = self.skus().await?;
        let mut holds = holds(self.open_reservations(None).await?);
        for sku in &skus {
            let held = holds.remove(sku).unwrap_or_default();
            let epoch = self.gate.close(sku).await?;
            let buckets = self.available(sku).await?;
            if !self.gate.open(sku, epoch, buckets, held).await? {
                self.rebuild(sku).await?;
            }
        }
        Ok(skus.len())
    }

    /// Rebuilds the gate of one SKU from the ledger. If the SKU changes all the while, it stays
    /// unknown, the ledger decides alone, and the next check tries again.
    pub(super) async fn rebuild(&self, sku: &Sku) -> Result<(), Failure> {
        for _ in 0..REBUILD_TRIES {
            let epoch = self.gate.close(sku).await?;
            let before = self.available(sku).await?;
            let mut holds = holds(self.open_reservations(None).await?);
            if self.available(sku).await? != before {
                continue;
            }
            let held = holds.remove(sku).unwrap_or_default();
            if self.gate.open(sku, epoch, before, held).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The gate granted what the ledger refuses: gives it back and rebuilds the SKUs.
    pub(super) async fn heal(&self, order_id: OrderId, lines: &[Line]) -> Result<(), Failure> {
        self.give_back(order_id, lines).await;
        for line in lines {
            tracing::warn!(sku = line.sku.as_str(), "the stock gate had drifted; rebuilding");
            self.rebuild(&line.sku).await?;
        }
        Ok(())
    }

    /// Compares the gate with the ledger, SKU by SKU, and rebuilds what differs: in what can be
    /// had, or in what is held. A SKU with a hold that is not in the ledger yet is skipped: it is
    /// between two steps.
    ///
    /// # Errors
    /// When the store or the gate does not answer.
    pub async fn check_drift(&self) -> Result<Drift, Failure> {
        let mut drift = Drift::default();
        for sku in self.skus().await? {
            drift.checked += 1;
            let before = self.gate.snapshot(&sku).await?;
            let level = self.level(&sku).await?.unwrap_or_default();
            let Some(before) = before else {
                drift.unknown += 1;
                self.rebuild(&sku).await?;
                continue;
            };
            let units = before.available - level.available;
            let held: i64 = before.holds.iter().map(|(_, units)| units).sum();
            let agrees = units == 0 && held == level.reserved;
            if agrees || self.in_between(&before.holds).await? {
                continue;
            }
            if self.gate.snapshot(&sku).await?.as_ref() == Some(&before) {
                tracing::warn!(sku = sku.as_str(), units, "the stock gate has drifted; rebuilding");
                self.rebuild(&sku).await?;
                drift.drifted.push((sku, units));
            }
        }
        Ok(drift)
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

    async fn available(&self, sku: &Sku) -> Result<Vec<(u8, i64)>, Failure> {
        let buckets = self.buckets(sku).await?;
        Ok(buckets.into_iter().map(|(number, row)| (number, row.value.available)).collect())
    }

    /// Every SKU that has a ledger.
    pub(super) async fn skus(&self) -> Result<Vec<Sku>, Failure> {
        let mut skus = Vec::new();
        let mut after = None;
        loop {
            let query = Query {
                table: TABLE,
                partition: row::SKUS.to_owned(),
                prefix: String::new(),
                after,
                limit: 1_000,
                descending: false,
            };
            let page = self.store.query(&query).await?;
            skus.extend(page.items.iter().filter_map(|item| item.key.sort.parse::<Sku>().ok()));
            after = page.next;
            if after.is_none() {
                return Ok(skus);
            }
        }
    }
}

/// What the ledger holds, by SKU. A reservation that is only tried has taken nothing yet.
fn holds(reservations: Vec<Reservation>) -> Holds {
    let mut holds = Holds::new();
    for reservation in reservations {
        if reservation.state == State::Reserved {
            for line in reservation.lines {
                holds.entry(line.sku).or_default().push((reservation.order_id, line.allocations));
            }
        }
    }
    holds
}
