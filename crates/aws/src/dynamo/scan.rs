//! Reading a whole table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use lmall_app::ports::{Item, Key, Scan, StoreError, Table};

use super::{
    DynamoStore,
    item::{self, decode},
    read_error,
};

#[async_trait]
impl Scan for DynamoStore {
    async fn scan(
        &self,
        table: Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let inner = &self.inner;
        let mut from = after.map(item::key).transpose().map_err(read_error)?;
        let mut items = Vec::new();
        while items.len() < limit {
            let left = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let scan = inner.client.scan().table_name(inner.names.of(table)).limit(left);
            let scan = scan.set_exclusive_start_key(from).consistent_read(true);
            let answer = scan.return_consumed_capacity(Total).send().await.map_err(read_error)?;
            inner.meter.consumed(&answer.consumed_capacity);
            for row in answer.items.unwrap_or_default() {
                items.push(decode(table, row).map_err(read_error)?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(items)
    }
}
