//! Reading rows, partitions and indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity::Total};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use lmall_app::ports::{IndexQuery, Item, Key, Page, Query, StoreError, Table};

use super::{
    Inner,
    item::{self, Attributes, decode, take_text},
    keys::{Place, attribute, place},
    pause,
    range::Range,
    read_error,
};

/// Keys in one `BatchGetItem`.
const BATCH_MAX: usize = 100;

/// Batches at a time.
const BATCHES_AT_ONCE: usize = 4;

/// How often what a batch left undone is asked for again.
const BATCH_ATTEMPTS_MAX: u32 = 6;

/// Pauses between them, in milliseconds.
const PAUSE_MS: u64 = 50;
const PAUSE_MS_MAX: u64 = 1_000;

/// DynamoDB throttles.
#[derive(Debug, thiserror::Error)]
#[error("a batch was left undone {BATCH_ATTEMPTS_MAX} times")]
struct LeftUndone;

/// A row that an index names: its key, and its place.
struct Named {
    key: Key,
    sort: String,
}

impl Inner {
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(self.names.of(key.table));
        let get = get.set_key(Some(item::key(key).map_err(read_error)?)).consistent_read(true);
        let answer = get.return_consumed_capacity(Total).send().await.map_err(read_error)?;
        self.meter.consumed(&answer.consumed_capacity);
        answer.item.map(|item| decode(key.table, item)).transpose().map_err(read_error)
    }

    pub(super) async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let range = Range::of_prefix(&query.prefix, query.after.as_deref(), query.descending);
        let span = Span {
            table: query.table,
            index: None,
            partition: &query.partition,
            range,
            descending: query.descending,
        };
        let (rows, more) = self.rows(&span, query.limit).await?;
        let items = rows.into_iter().map(|row| decode(query.table, row));
        let items = items.collect::<Result<Vec<_>, _>>().map_err(read_error)?;
        let next = if more { items.last().map(|item| item.key.sort.clone()) } else { None };
        Ok(Page { items, next })
    }

    pub(super) async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        let place = place(query.index);
        let (after, until) = (query.after.as_deref(), query.until.as_deref());
        let span = Span {
            table: query.table,
            index: Some(place),
            partition: &query.partition,
            range: Range::until(until, after, query.descending),
            descending: query.descending,
        };
        let (rows, more) = self.rows(&span, query.limit).await?;
        let named = rows.into_iter().map(|row| named(query.table, place, row));
        let named = named.collect::<Result<Vec<_>, _>>()?;
        let next = if more { named.last().map(|named| named.sort.clone()) } else { None };
        let items = self.rows_at(query, place, &named).await?;
        Ok(Page { items, next })
    }

    /// The first rows of a span, and whether there are more. An answer of DynamoDB ends at
    /// 1 MB, so there may be many.
    async fn rows(
        &self,
        span: &Span<'_>,
        limit: usize,
    ) -> Result<(Vec<Attributes>, bool), StoreError> {
        let mut rows = Vec::new();
        let mut from = None;
        loop {
            // One more than wanted tells whether there are more, and one may be unwanted.
            let wanted = limit.saturating_sub(rows.len()).saturating_add(2);
            let Some((condition, values)) = span.condition() else { return Ok((rows, false)) };
            let query = self.client.query().table_name(self.names.of(span.table));
            let query = query.set_index_name(span.index.map(|place| place.name.to_owned()));
            let query = query.consistent_read(span.index.is_none());
            let query = query.key_condition_expression(condition);
            let query = query.set_expression_attribute_values(Some(values));
            let query = query.scan_index_forward(!span.descending);
            let query = query.limit(i32::try_from(wanted).unwrap_or(i32::MAX));
            let query = query.set_exclusive_start_key(from).return_consumed_capacity(Total);
            let answer = query.send().await.map_err(read_error)?;
            self.meter.consumed(&answer.consumed_capacity);
            let found = answer.items.unwrap_or_default();
            rows.extend(found.into_iter().filter(|row| span.wants(row)));
            if rows.len() > limit {
                rows.truncate(limit);
                return Ok((rows, true));
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok((rows, false));
            }
        }
    }

    /// The rows that an index names, in this order, as they are now; without those that have
    /// left the place meanwhile.
    async fn rows_at(
        &self,
        query: &IndexQuery,
        place: Place,
        named: &[Named],
    ) -> Result<Vec<Item>, StoreError> {
        let batches: Vec<_> =
            named.chunks(BATCH_MAX).map(|batch| self.batch(query.table, batch).boxed()).collect();
        let batches: Vec<Vec<Attributes>> =
            stream::iter(batches).buffered(BATCHES_AT_ONCE).try_collect().await?;
        let mut found = HashMap::with_capacity(named.len());
        for row in batches.into_iter().flatten() {
            let at = |name| row.get(name).and_then(|value| value.as_s().ok());
            if at(place.partition).is_some_and(|here| *here == query.partition)
                && let Some(sort) = at(place.sort).cloned()
            {
                let item = decode(query.table, row).map_err(read_error)?;
                found.insert(item.key.clone(), (sort, item));
            }
        }
        let here = named.iter().filter_map(|named| {
            let (sort, item) = found.remove(&named.key)?;
            (sort == named.sort).then_some(item)
        });
        Ok(here.collect())
    }

    async fn batch(&self, table: Table, named: &[Named]) -> Result<Vec<Attributes>, StoreError> {
        let name = self.names.of(table);
        let keys = named.iter().map(|named| item::key(&named.key)).collect::<Result<Vec<_>, _>>();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.map_err(read_error)?));
        let keys = keys.consistent_read(true).build().map_err(read_error)?;
        let mut asked = HashMap::from([(name.to_owned(), keys)]);
        let mut rows = Vec::with_capacity(named.len());
        for attempt in 1..=BATCH_ATTEMPTS_MAX {
            let get = self.client.batch_get_item().set_request_items(Some(asked));
            let answer = get.return_consumed_capacity(Total).send().await.map_err(read_error)?;
            self.meter.consumed(answer.consumed_capacity());
            let found = answer.responses.and_then(|mut found| found.remove(name));
            rows.extend(found.unwrap_or_default());
            asked = answer.unprocessed_keys.unwrap_or_default();
            if asked.is_empty() {
                return Ok(rows);
            }
            self.clock.sleep(pause(attempt, PAUSE_MS, PAUSE_MS_MAX)).await;
        }
        Err(read_error(LeftUndone))
    }
}

/// Some rows of a partition of a table or index.
struct Span<'a> {
    table: Table,
    index: Option<Place>,
    partition: &'a str,
    range: Range,
    descending: bool,
}

impl Span<'_> {
    fn names(&self) -> (&'static str, &'static str) {
        self.index
            .map_or((attribute::PARTITION, attribute::SORT), |place| (place.partition, place.sort))
    }

    fn condition(&self) -> Option<(String, Attributes)> {
        if self.partition.is_empty() {
            return None;
        }
        self.range.condition(self.names(), self.partition)
    }

    fn wants(&self, row: &Attributes) -> bool {
        self.range.unwanted().is_none_or(|unwanted| {
            row.get(self.names().1).and_then(|sort| sort.as_s().ok()).is_none_or(|s| s != unwanted)
        })
    }
}

fn named(table: Table, place: Place, mut row: Attributes) -> Result<Named, StoreError> {
    let mut take = |name| take_text(&mut row, name).map_err(read_error);
    let partition = take(attribute::PARTITION)?;
    let key = Key { table, partition, sort: take(attribute::SORT)? };
    Ok(Named { key, sort: take(place.sort)? })
}
