//! SKUs of which the gate said that it does not know them: noted, and soon rebuilt.

use std::mem::take;

use lmall_domain::Sku;

use super::{super::Inventory, rebuild::at_once};
use crate::failure::Failure;

/// SKUs that are noted at most: with more of them the gate is lost, and all are looked at.
const NOTED_MAX: usize = 1_000;

/// SKUs that are asked for to see whether more is lost than what is noted.
const SAMPLE: usize = 32;

/// A gate that does not know this many of the sample is lost: a node of a small cluster, or all.
const SAMPLE_LOST: usize = SAMPLE / 8;

impl Inventory {
    /// Notes that the gate does not know the SKU.
    pub(in super::super) fn note_unknown(&self, sku: &Sku) {
        let mut noted = self.noted.lock();
        if noted.len() < NOTED_MAX {
            noted.insert(sku.clone());
        }
    }

    /// Rebuilds the gate of the SKUs that it was found not to know since the last call; if it
    /// has lost many others as well, of those too. Gives how many were rebuilt. To be called
    /// about once a second: what [`Inventory::check_drift`] would find in a minute is found here
    /// as soon as somebody asks for it.
    ///
    /// # Errors
    /// When the store or the gate does not answer; what is still unknown is noted again when it
    /// is asked for.
    pub async fn rebuild_noted(&self) -> Result<usize, Failure> {
        let noted = take(&mut *self.noted.lock());
        if noted.is_empty() {
            return Ok(0);
        }
        let (first, _) = self.skus_page(None).await?;
        let step = first.len().div_ceil(SAMPLE).max(1);
        let sample = first.into_iter().step_by(step);
        let skus = if self.unknown_of(sample).await?.len() >= SAMPLE_LOST {
            self.skus().await?
        } else {
            noted.into_iter().collect()
        };
        // Another process may have been faster.
        let unknown = self.unknown_of(skus.into_iter()).await?;
        let wanted = unknown.len();
        let left = self.rebuild(unknown).await?;
        left.iter().for_each(|sku| self.note_unknown(sku));
        Ok(wanted - left.len())
    }

    async fn unknown_of(&self, skus: impl Iterator<Item = Sku>) -> Result<Vec<Sku>, Failure> {
        let asked = skus.map(async |sku| {
            let is_known = self.gate.snapshot(&sku).await?.is_some();
            Ok((!is_known).then_some(sku))
        });
        Ok(at_once(asked).await?.into_iter().flatten().collect())
    }
}
