//! Building the gate of many SKUs from the ledger, which goes on changing meanwhile.
//!
//! For each SKU, in this order: its gate is closed, its ledger is read, all open reservations are
//! read (once for all SKUs), its ledger is read again, its gate is opened. While it is closed the
//! ledger decides alone. What changed the ledger in between shows in the second reading, and what
//! was given back or sold in between makes the gate refuse to open; then that SKU begins again.

use std::{collections::HashMap, future::Future};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use lmall_domain::{
    OrderId, Sku,
    stock::{Allocation, Reservation, State},
};

use super::super::{Inventory, TABLE, ledger::Buckets};
use crate::{
    failure::Failure,
    pages::Pages,
    ports::Index,
    row::{self, shards},
};

/// How often a SKU begins again because it changed while it was read.
const REBUILD_TRIES: usize = 5;

/// SKUs that are read or written at once: what hides the way to the store and the gate, and far
/// from what either can take.
const AT_ONCE: usize = 64;

/// What the ledger holds for orders, by SKU.
type Holds = HashMap<Sku, Vec<(OrderId, Vec<Allocation>)>>;

/// A SKU whose gate is closed, and its ledger as it was then.
struct Closed {
    sku: Sku,
    epoch: u64,
    ledger: Buckets,
}

impl Inventory {
    /// Rebuilds the gate of these SKUs from the ledger, and gives those that stay unknown because
    /// they changed all the while: the ledger decides alone, and the next check tries again.
    pub(in super::super) async fn rebuild(&self, skus: Vec<Sku>) -> Result<Vec<Sku>, Failure> {
        let mut left = skus;
        for _ in 0..REBUILD_TRIES {
            if left.is_empty() {
                break;
            }
            let closed = at_once(left.into_iter().map(|sku| self.close(sku))).await?;
            let mut holds = self.holds_of(&closed).await?;
            let opening = closed.into_iter().map(|closed| {
                let held = holds.remove(&closed.sku).unwrap_or_default();
                self.open(closed, held)
            });
            left = at_once(opening).await?.into_iter().flatten().collect();
        }
        Ok(left)
    }

    async fn close(&self, sku: Sku) -> Result<Closed, Failure> {
        let epoch = self.gate.close(&sku).await?;
        let ledger = self.buckets(&sku).await?;
        Ok(Closed { sku, epoch, ledger })
    }

    /// Opens the gate of a SKU; gives the SKU when that has to be tried again.
    async fn open(
        &self,
        closed: Closed,
        held: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<Option<Sku>, Failure> {
        let Closed { sku, epoch, ledger } = closed;
        if self.buckets(&sku).await? != ledger {
            return Ok(Some(sku));
        }
        let buckets = ledger.iter().map(|(number, row)| (*number, row.value.available)).collect();
        if self.gate.open(&sku, epoch, buckets, held).await? {
            return Ok(None);
        }
        // Somebody else may have closed it since, and opened it: closing it again is no help.
        let is_open = self.gate.snapshot(&sku).await?.is_some();
        Ok((!is_open).then_some(sku))
    }

    /// What the ledger holds of these SKUs. A reservation that is only tried has taken nothing
    /// yet; and where the ledger says that nothing is reserved, no reservation needs to be read.
    async fn holds_of(&self, closed: &[Closed]) -> Result<Holds, Failure> {
        let is_held =
            |closed: &&Closed| closed.ledger.iter().any(|(_, row)| row.value.reserved > 0);
        let wanted = closed.iter().filter(is_held);
        let mut holds: Holds = wanted.map(|closed| (closed.sku.clone(), Vec::new())).collect();
        if holds.is_empty() {
            return Ok(holds);
        }
        let read = try_join_all(shards().map(|shard| self.reserved_in(shard))).await?;
        for reservation in read.into_iter().flatten() {
            for line in reservation.lines {
                if let Some(held) = holds.get_mut(&line.sku) {
                    held.push((reservation.order_id, line.allocations));
                }
            }
        }
        Ok(holds)
    }

    /// The reservations of a shard that hold stock.
    async fn reserved_in(&self, shard: String) -> Result<Vec<Reservation>, Failure> {
        let mut reserved = Vec::new();
        let mut pages = Pages::of_shard(&*self.store, TABLE, Index::Expiry, shard);
        while let Some(items) = pages.next().await? {
            let open = items.iter().filter_map(row::decode_or_skip::<Reservation>);
            reserved.extend(open.filter(|reservation| reservation.state == State::Reserved));
        }
        Ok(reserved)
    }
}

/// Does it for many SKUs at once; the answers come in no order.
pub(super) async fn at_once<T, F>(work: impl Iterator<Item = F>) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    stream::iter(work).buffer_unordered(AT_ONCE).try_collect().await
}
