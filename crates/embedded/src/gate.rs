//! The stock gate: counters in memory, a lock a shard.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use lmall_app::{
    gate::SkuGate,
    ports::{GateAnswer, GateError, GateSnapshot, StockGate},
};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use parking_lot::Mutex;

/// Locks: many more than there are threads, so that two SKUs rarely share a busy one.
const SHARDS: usize = 64;

/// The gate of one process. It forgets everything when the process ends; then the ledger
/// decides alone until each SKU is opened again.
pub struct LocalGate {
    shards: [Mutex<HashMap<Sku, SkuGate>>; SHARDS],
    hasher: RandomState,
    epochs: AtomicU64,
}

impl Default for LocalGate {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, hasher: RandomState::new(), epochs: AtomicU64::new(0) }
    }
}

impl LocalGate {
    /// Changes the gate of the SKU, if there is one.
    fn with<T>(&self, sku: &Sku, change: impl FnOnce(&mut SkuGate) -> T) -> Option<T> {
        self.shard(sku).lock().get_mut(sku).map(change)
    }

    fn shard(&self, sku: &Sku) -> &Mutex<HashMap<Sku, SkuGate>> {
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let shard = usize::try_from(self.hasher.hash_one(sku) % shards).unwrap_or(0);
        &self.shards[shard]
    }
}

#[async_trait]
impl StockGate for LocalGate {
    async fn hold(
        &self,
        sku: &Sku,
        order_id: OrderId,
        quantity: u32,
    ) -> Result<GateAnswer, GateError> {
        let answer = self.with(sku, |gate| gate.hold(order_id, quantity));
        Ok(answer.unwrap_or(GateAnswer::Unknown))
    }

    async fn settle(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError> {
        self.with(sku, |gate| gate.settle(order_id));
        Ok(())
    }

    async fn cancel(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError> {
        self.with(sku, |gate| gate.cancel(order_id));
        Ok(())
    }

    async fn credit(&self, sku: &Sku, bucket: u8, units: i64) -> Result<(), GateError> {
        self.with(sku, |gate| gate.credit(bucket, units));
        Ok(())
    }

    async fn close(&self, sku: &Sku) -> Result<u64, GateError> {
        let epoch = self.epochs.fetch_add(1, Relaxed) + 1;
        self.shard(sku).lock().insert(sku.clone(), SkuGate::closed(epoch));
        Ok(epoch)
    }

    async fn open(
        &self,
        sku: &Sku,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<bool, GateError> {
        Ok(self.with(sku, |gate| gate.open(epoch, buckets, holds)).unwrap_or(false))
    }

    async fn snapshot(&self, sku: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        Ok(self.with(sku, |gate| gate.snapshot()).flatten())
    }
}
