//! The ledger itself: what is there, receipts, adjustments.

use lmall_domain::{
    Sku, Timestamp,
    id::Reference,
    limits::STOCK_MAX,
    stock::{Bucket, spread},
};
use serde::{Deserialize, Serialize};

use super::{Inventory, TABLE};
use crate::{
    Changeset, Refusal, Write,
    failure::{Failure, Round, committed, rounds},
    ports::{Key, Query},
    row::{self, Versioned},
};

/// The stock of a SKU: the sum of its buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    /// Can be reserved.
    pub available: i64,
    /// Held for orders.
    pub reserved: i64,
    /// Gone to customers.
    pub sold: i64,
}

/// Stock that came in or was written off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Takes effect once for a SKU.
    pub reference: Reference,
    /// Units: more than zero for a receipt, any but zero for an adjustment.
    pub units: i64,
    /// Why, for an adjustment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// It was refused, and may be tried again: kept so that an earlier attempt whose outcome is
    /// unknown cannot take effect after the refusal was answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// What came of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptOutcome {
    /// It is in the ledger, now or since before.
    Recorded(Level),
    /// The reference was used with other units or another reason.
    ReferenceReused,
    /// It would take what is reserved or sold.
    NotEnough,
    /// The ledger would hold more than [`STOCK_MAX`] units.
    TooMuch,
}

/// A SKU's mark in the list of those that have a ledger.
#[derive(Serialize)]
struct Listed {
    since: Timestamp,
}

/// The buckets of a SKU, by number.
pub(super) type Buckets = Vec<(u8, Versioned<Bucket>)>;

impl Inventory {
    /// What the ledger says of a SKU; `None` when nothing was ever received.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn level(&self, sku: &Sku) -> Result<Option<Level>, Failure> {
        let buckets = self.buckets(sku).await?;
        Ok((!buckets.is_empty()).then(|| level(&buckets)))
    }

    /// The buckets of a SKU, by number.
    pub(super) async fn buckets(&self, sku: &Sku) -> Result<Buckets, Failure> {
        let query = Query {
            table: TABLE,
            partition: row::ledger_partition(sku),
            prefix: row::BUCKET_PREFIX.to_owned(),
            after: None,
            limit: usize::from(lmall_domain::limits::BUCKETS_MAX),
            descending: false,
        };
        let page = self.store.query(&query).await?;
        let number = |key: &Key| key.sort.strip_prefix(row::BUCKET_PREFIX)?.parse::<u8>().ok();
        page.items
            .iter()
            .filter_map(|item| number(&item.key).map(|number| (number, item)))
            .map(|(number, item)| Ok((number, row::decode(item)?)))
            .collect()
    }

    /// Records stock that came in, or a correction. A negative one takes only what is available.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn receive(
        &self,
        sku: &Sku,
        reference: Reference,
        units: i64,
        reason: Option<String>,
    ) -> Result<ReceiptOutcome, Failure> {
        let at = self.clock.now();
        let receipt = Receipt { reference, units, reason, at, refused: false };
        rounds(&*self.clock, 0, async || self.receive_round(sku, &receipt).await).await
    }

    async fn receive_round(
        &self,
        sku: &Sku,
        receipt: &Receipt,
    ) -> Result<Round<ReceiptOutcome>, Failure> {
        let buckets = self.buckets(sku).await?;
        let key = row::receipt_key(sku, &receipt.reference);
        let before =
            self.store.get(&key).await?.as_ref().map(row::decode::<Receipt>).transpose()?;
        let version = before.as_ref().map_or(0, |before| before.version);
        if let Some(before) = before.map(|before| before.value).filter(|before| !before.refused) {
            let same = before.units == receipt.units && before.reason == receipt.reason;
            return Ok(Round::Done(if same {
                ReceiptOutcome::Recorded(level(&buckets))
            } else {
                ReceiptOutcome::ReferenceReused
            }));
        }
        let total: i64 = buckets.iter().map(|(_, row)| row.value.received).sum();
        if receipt.units > STOCK_MAX.saturating_sub(total) {
            return self.refuse(sku, receipt, version, ReceiptOutcome::TooMuch).await;
        }
        let changes = Changeset::new().put(row::plain(key, receipt), version);
        let (changes, credits) = if buckets.is_empty() {
            if receipt.units < 0 {
                return self.refuse(sku, receipt, version, ReceiptOutcome::NotEnough).await;
            }
            (self.first_receipt(changes, sku, receipt), None)
        } else {
            let Some(credits) = credits(&buckets, receipt.units) else {
                return self.refuse(sku, receipt, version, ReceiptOutcome::NotEnough).await;
            };
            (adjust(changes, sku, &credits), Some(credits))
        };
        match committed(self.store.commit(changes).await)? {
            Ok(()) => {}
            Err(Refusal::Stale | Refusal::AlreadyHandled | Refusal::OutOfStock) => {
                return Ok(Round::Again);
            }
        }
        if let Err(failure) = self.tell_gate(sku, credits).await {
            // The receipt is in the ledger; the next check for drift tells the gate.
            let error = crate::failure::chain(&failure);
            tracing::warn!(sku = sku.as_str(), error, "the stock gate was not told of a receipt");
        }
        Ok(Round::Done(ReceiptOutcome::Recorded(level(&self.buckets(sku).await?))))
    }

    /// Makes the refusal durable, so that it stays one.
    async fn refuse(
        &self,
        sku: &Sku,
        receipt: &Receipt,
        version: u64,
        outcome: ReceiptOutcome,
    ) -> Result<Round<ReceiptOutcome>, Failure> {
        let refused = Receipt { refused: true, ..receipt.clone() };
        let row = row::plain(row::receipt_key(sku, &receipt.reference), &refused);
        let changes = Changeset::new().put(row, version);
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(outcome),
            Err(Refusal::Stale | Refusal::AlreadyHandled | Refusal::OutOfStock) => Round::Again,
        })
    }

    fn first_receipt(&self, changes: Changeset, sku: &Sku, receipt: &Receipt) -> Changeset {
        let listed = row::plain(row::sku_key(sku), &Listed { since: receipt.at });
        let changes = changes.insert(listed, Refusal::Stale);
        (0..).zip(spread(receipt.units, self.settings.buckets)).fold(
            changes,
            |changes, (number, units)| {
                let bucket = Bucket { available: units, received: units, ..Bucket::default() };
                let row = row::plain(row::bucket_key(sku, number), &bucket);
                changes.insert(row, Refusal::Stale)
            },
        )
    }

    /// A gate that does not know the SKU is built from the ledger, the receipt included.
    async fn tell_gate(&self, sku: &Sku, credits: Option<Vec<(u8, i64)>>) -> Result<(), Failure> {
        let known = self.gate.snapshot(sku).await?.is_some();
        match credits.filter(|_| known) {
            Some(credits) => {
                for (bucket, units) in credits {
                    self.gate.credit(sku, bucket, units).await?;
                }
                Ok(())
            }
            None => self.rebuild(vec![sku.clone()]).await.map(drop),
        }
    }
}

fn level(buckets: &Buckets) -> Level {
    buckets.iter().fold(Level::default(), |sum, (_, row)| Level {
        available: sum.available + row.value.available,
        reserved: sum.reserved + row.value.reserved,
        sold: sum.sold + row.value.sold,
    })
}

/// What each bucket gets: an even part, or, of what is taken, no more than it has available.
fn credits(buckets: &Buckets, units: i64) -> Option<Vec<(u8, i64)>> {
    let count = u8::try_from(buckets.len()).ok()?;
    let numbers = buckets.iter().map(|(number, _)| *number);
    if units >= 0 {
        return Some(numbers.zip(spread(units, count)).filter(|(_, part)| *part > 0).collect());
    }
    let mut missing = units.checked_neg()?;
    let mut credits = Vec::new();
    for (number, row) in buckets {
        let part = row.value.available.clamp(0, missing);
        if part > 0 {
            credits.push((*number, -part));
            missing -= part;
        }
    }
    (missing == 0).then_some(credits)
}

fn adjust(changes: Changeset, sku: &Sku, credits: &[(u8, i64)]) -> Changeset {
    credits.iter().fold(changes, |changes, (number, units)| {
        let deltas = vec![("available", *units), ("received", *units)];
        changes.with(Write::Adjust(row::bucket_key(sku, *number), deltas), Refusal::OutOfStock)
    })
}
