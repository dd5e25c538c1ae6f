//! Rebuilds the stock gate from the ledger, and reports drift.

use std::{sync::Arc, time::Duration};

use lmall_app::stock::{Inventory, Settings};
use lmall_aws::{
    EventBridge,
    redis::{Redis, RedisGate},
};
use lmall_cache_prewarm::{Parts, handle};
use lmall_lambda::FunctionError;

/// Nothing is reserved and no SKU is made here.
const SETTINGS: Settings = Settings { reservation_grace: Duration::ZERO, buckets: 1 };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start(
        |aws| {
            let redis = Redis::new(&aws.setting("LMALL_REDIS_URL")?);
            let redis = redis.map_err(|error| FunctionError::BadSettings(error.to_string()))?;
            let gate = Arc::new(RedisGate::new(redis));
            let inventory = Inventory::new(aws.store(), gate, Arc::clone(&aws.clock), SETTINGS);
            Ok(Parts { inventory, notices: Arc::new(EventBridge::new(&aws.clients)) })
        },
        handle,
    )
    .await
}
