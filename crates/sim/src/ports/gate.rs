//! The stock gate of a process, on the model of Redis.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::ports::{GateAnswer, GateError, GateSnapshot, StockGate};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use rand::RngExt;

use crate::{
    kernel::{Fault, Site},
    redis::{HISTORY, Redis, SharedRedis},
};

/// A process's way to Redis. Clones are the same way.
#[derive(Clone)]
pub struct GatePort {
    /// Where calls come from.
    pub site: Site,
    /// The Redis of all.
    pub redis: Arc<SharedRedis>,
}

impl GatePort {
    /// The way from `site` to `redis`.
    #[must_use]
    pub fn new(site: Site, redis: Arc<SharedRedis>) -> Self {
        Self { site, redis }
    }

    /// One call: a script there, and its answer back, if all goes well.
    async fn call<T: Send>(
        &self,
        what: &'static str,
        sku: &Sku,
        script: impl FnOnce(&mut Redis) -> T + Send,
    ) -> Result<T, GateError> {
        let kernel = &self.site.kernel;
        self.site.hop(what).await;
        self.suffer();
        let answer = if kernel.strikes(Fault::GateAway) {
            self.site.note(|| format!("{what} {sku}: Redis is away"));
            None
        } else {
            Some(self.redis.with(script)).filter(|_| {
                let answers = !kernel.strikes(Fault::GateUnanswered);
                if !answers {
                    self.site.note(|| format!("{what} {sku}: done, and its answer is lost"));
                }
                answers
            })
        };
        if let Some(broken) = self.redis.with(Redis::take_broken) {
            kernel.violate("gate", broken);
        }
        self.site.hop(what).await;
        answer.ok_or_else(|| GateError("Redis does not answer".into()))
    }

    /// What may have happened to Redis since the last call.
    fn suffer(&self) {
        let kernel = &self.site.kernel;
        if kernel.strikes(Fault::GateFlushed) {
            self.redis.with(Redis::flush);
            self.site.note(|| "Redis has forgotten everything".to_owned());
        }
        if kernel.strikes(Fault::GateRolledBack) {
            let writes = self.some_writes();
            self.redis.with(|redis| redis.fail_over(writes));
            self.site.note(|| format!("Redis fails over: its last {writes} writes are lost"));
        }
    }

    fn some_writes(&self) -> usize {
        self.site.kernel.draw(|rng| rng.random_range(1..=HISTORY))
    }

    /// The time in microseconds, by the clock of Redis.
    fn micros(&self) -> u64 {
        let micros = self.site.kernel.now().as_millis().saturating_mul(1_000);
        u64::try_from(micros).unwrap_or(0)
    }
}

#[async_trait]
impl StockGate for GatePort {
    async fn hold(
        &self,
        sku: &Sku,
        order_id: OrderId,
        quantity: u32,
    ) -> Result<GateAnswer, GateError> {
        let answer =
            self.call("gate.hold", sku, |redis| redis.hold(sku, order_id, quantity)).await?;
        self.site.note(|| format!("gate.hold {sku} {order_id} {quantity}: {answer:?}"));
        Ok(answer)
    }

    async fn settle(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError> {
        self.call("gate.settle", sku, |redis| redis.settle(sku, order_id)).await
    }

    async fn cancel(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError> {
        self.call("gate.cancel", sku, |redis| redis.cancel(sku, order_id)).await
    }

    async fn credit(&self, sku: &Sku, bucket: u8, units: i64) -> Result<(), GateError> {
        self.call("gate.credit", sku, |redis| redis.credit(sku, bucket, units)).await
    }

    async fn close(&self, sku: &Sku) -> Result<u64, GateError> {
        self.call("gate.close", sku, |redis| redis.close(sku, self.micros())).await
    }

    async fn open(
        &self,
        sku: &Sku,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<bool, GateError> {
        let script = |redis: &mut Redis| redis.open(sku, epoch, buckets, holds);
        let open = self.call("gate.open", sku, script).await?;
        self.site.note(|| format!("gate.open {sku}: {open}"));
        Ok(open)
    }

    async fn snapshot(&self, sku: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        let stale = self.site.kernel.strikes(Fault::GateStale).then(|| self.some_writes());
        self.call("gate.snapshot", sku, |redis| {
            stale.map_or_else(|| redis.snapshot(sku), |writes| redis.stale_snapshot(sku, writes))
        })
        .await
    }
}
