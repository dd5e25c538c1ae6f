//! Waiting for a row: DynamoDB tells nobody, so who waits looks again and again.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use lmall_app::{
    failure::chain,
    ports::{Key, StoreError, Watch},
};

use super::{DynamoStore, Inner, item, keys::attribute, read_error};

/// The first pause: an order that nothing delays is decided within some of these.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest pause: a read unit each.
const PAUSE_MAX: Duration = Duration::from_millis(500);

#[async_trait]
impl Watch for DynamoStore {
    async fn changed(&self, key: &Key, seen_version: u64, timeout: Duration) -> bool {
        let clock = &*self.inner.clock;
        let until = clock.monotonic().saturating_add(timeout);
        let mut pause = PAUSE_MIN;
        loop {
            match self.inner.version(key).await {
                Ok(version) if version > seen_version => return true,
                Ok(_) => {}
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(error, "cannot tell whether a row has changed");
                }
            }
            let left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return true;
            }
            clock.sleep(pause.min(left)).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }
}

impl Inner {
    /// The version of a row; 0 when there is none.
    async fn version(&self, key: &Key) -> Result<u64, StoreError> {
        let get = self.client.get_item().table_name(self.names.of(key.table));
        let get = get.set_key(Some(item::key(key).map_err(read_error)?)).consistent_read(true);
        let get = get.projection_expression(attribute::VERSION).return_consumed_capacity(Total);
        let answer = get.send().await.map_err(read_error)?;
        self.meter.consumed(&answer.consumed_capacity);
        let version = answer.item.as_ref().and_then(|item| item.get(attribute::VERSION));
        Ok(version.and_then(|version| version.as_n().ok()?.parse().ok()).unwrap_or(0))
    }
}
