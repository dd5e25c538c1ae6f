//! The stock gate on Redis: [`lmall_app::gate::SkuGate`] as scripts.
//!
//! All that a SKU has is one hash, so every call is one script on one key, on a single server as
//! on a cluster:
//!
//! | field | value |
//! |---|---|
//! | `epoch` | the current epoch |
//! | `open` | the numbers of its buckets, ascending, as `0,1`; absent while it is closed |
//! | `dirty` | `1` when anything happened since the epoch began |
//! | `only` | the units that bucket 0 would still grant, while the gate is open and has no other |
//! | `b0`, `b1`, … | the units that a bucket would still grant, in any other case |
//! | an order id | what the order holds, as `bucket:units,…`, or as `units` of bucket 0 |

use std::collections::BTreeMap;

use async_trait::async_trait;
use lmall_app::ports::{GateAnswer, GateError, GateSnapshot, StockGate};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use redis::{Cmd, cmd};

use super::{
    connection::{CallError, Redis},
    holds::Holds,
    script::{self, Script},
};

/// Holds that one script brings along: at most 4,000 arguments, of which Lua's `unpack` takes
/// 8,000, and a few milliseconds in which Redis serves nobody else.
pub const HOLDS_PER_SCRIPT: usize = 2_000;

/// The field of bucket 0 while there is no other: `hold` needs to read one field less.
const ONLY: &str = "only";

/// The stock gate.
#[derive(Debug, Clone)]
pub struct RedisGate {
    redis: Redis,
    holds: Holds,
}

impl RedisGate {
    /// The gate on this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { holds: Holds::new(redis.clone()), redis }
    }

    /// Runs a script that does nothing, called as a hold is: what a call costs at least. For
    /// benchmarks.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn bare_call(
        &self,
        sku: &Sku,
        order_id: OrderId,
        quantity: u32,
    ) -> Result<(), GateError> {
        self.run(&script::BARE, sku, |call| hold_arguments(call, order_id, quantity)).await
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        sku: &Sku,
        fill: impl Fn(&mut Cmd) + Send,
    ) -> Result<T, GateError> {
        self.redis.run(script, &key(sku), fill).await.map_err(failed)
    }
}

#[async_trait]
impl StockGate for RedisGate {
    async fn hold(
        &self,
        sku: &Sku,
        order_id: OrderId,
        quantity: u32,
    ) -> Result<GateAnswer, GateError> {
        match self.holds.hold(sku, order_id, quantity).await?.as_deref() {
            None => Ok(GateAnswer::Unknown),
            Some("-") => Ok(GateAnswer::SoldOut),
            Some(held) => allocations(held).map(GateAnswer::Granted).ok_or_else(strange),
        }
    }

    async fn settle(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError> {
        self.run(&script::SETTLE, sku, |call| {
            call.arg(order_id.get());
        })
        .await
    }

    async fn cancel(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError> {
        self.run(&script::CANCEL, sku, |call| {
            call.arg(order_id.get());
        })
        .await
    }

    async fn credit(&self, sku: &Sku, bucket: u8, units: i64) -> Result<(), GateError> {
        self.run(&script::CREDIT, sku, |call| {
            call.arg(bucket).arg(units);
        })
        .await
    }

    async fn close(&self, sku: &Sku) -> Result<u64, GateError> {
        let epoch: String = self.run(&script::CLOSE, sku, |_| {}).await?;
        epoch.parse().map_err(|_| strange())
    }

    async fn open(
        &self,
        sku: &Sku,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<bool, GateError> {
        let buckets: BTreeMap<_, _> = buckets.into_iter().collect();
        let numbers: Vec<_> = buckets.keys().map(u8::to_string).collect();
        let numbers = numbers.join(",");
        let parts: Vec<_> = holds.chunks(HOLDS_PER_SCRIPT).collect();
        for number in 0..parts.len().max(1) {
            let (is_first, is_last) = (number == 0, number + 1 >= parts.len());
            let holds = parts.get(number).copied().unwrap_or_default();
            let part = |call: &mut Cmd| {
                call.arg(epoch).arg(u8::from(is_first)).arg(u8::from(is_last)).arg(&numbers);
                for (bucket, units) in buckets.iter().filter(|_| is_last) {
                    call.arg(field(*bucket, buckets.len())).arg(units);
                }
                for (order_id, from) in holds {
                    call.arg(order_id.get()).arg(text(from));
                }
            };
            if !self.run::<bool>(&script::OPEN, sku, part).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn snapshot(&self, sku: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        let mut all = cmd("HGETALL");
        all.arg(key(sku));
        let fields: Vec<(String, String)> = self.redis.call(&all).await.map_err(failed)?;
        if !fields.iter().any(|(field, _)| field == "open") {
            return Ok(None);
        }
        let (mut available, mut holds) = (0, Vec::new());
        for (field, value) in fields {
            if let Ok(order_id) = field.parse::<OrderId>() {
                let held = allocations(&value).ok_or_else(strange)?;
                let units = held.iter().map(|allocation| i64::from(allocation.quantity)).sum();
                holds.push((order_id, units));
            } else if field == ONLY || field.starts_with('b') {
                available += value.parse::<i64>().map_err(|_| strange())?;
            }
        }
        holds.sort_unstable();
        Ok(Some(GateSnapshot { available, holds }))
    }
}

/// The braces keep whatever a SKU may get beside it on the same node of a cluster.
pub(super) fn key(sku: &Sku) -> String {
    format!("lmall:gate:{{{sku}}}")
}

/// The field of a bucket of a gate that has so many.
fn field(bucket: u8, count: usize) -> String {
    if bucket == 0 && count == 1 { ONLY.to_owned() } else { format!("b{bucket}") }
}

/// What the script of holds takes for each of them.
pub(super) fn hold_arguments(call: &mut Cmd, order_id: OrderId, quantity: u32) {
    // 64-bit arithmetic, which Lua does not have.
    call.arg(order_id.get()).arg(quantity).arg(order_id.mixed());
}

fn text(allocations: &[Allocation]) -> String {
    let parts: Vec<_> =
        allocations.iter().map(|from| format!("{}:{}", from.bucket, from.quantity)).collect();
    parts.join(",")
}

fn allocations(text: &str) -> Option<Vec<Allocation>> {
    if let Ok(quantity) = text.parse() {
        return Some(vec![Allocation { bucket: 0, quantity }]);
    }
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (bucket, quantity) = part.split_once(':')?;
            Some(Allocation { bucket: bucket.parse().ok()?, quantity: quantity.parse().ok()? })
        })
        .collect()
}

fn failed(error: CallError) -> GateError {
    GateError(Box::new(error))
}

fn strange() -> GateError {
    failed(CallError::Strange)
}
