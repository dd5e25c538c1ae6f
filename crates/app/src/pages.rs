//! Reading a sharded index from end to end.

use lmall_domain::Timestamp;

use crate::{
    failure::Failure,
    ports::{Index, IndexQuery, Item, Store, Table},
    row::{due_until, shards},
};

/// Rows read in one query.
const PAGE: usize = 256;

/// The rows of an index by time: shard by shard, page by page, each shard by time. Rows that
/// leave the index meanwhile are no reason to miss others.
pub struct Pages<'a> {
    store: &'a dyn Store,
    shards: Vec<String>,
    query: IndexQuery,
    more: bool,
}

impl<'a> Pages<'a> {
    /// All rows of the index, or those that are due at `until`.
    #[must_use]
    pub fn new(store: &'a dyn Store, table: Table, index: Index, until: Option<Timestamp>) -> Self {
        let query = IndexQuery {
            table,
            index,
            partition: String::new(),
            after: None,
            until: until.map(due_until),
            limit: PAGE,
            descending: false,
        };
        Self { store, shards: shards().collect(), query, more: false }
    }

    /// All rows of one shard of the index.
    #[must_use]
    pub fn of_shard(store: &'a dyn Store, table: Table, index: Index, shard: String) -> Self {
        Self { shards: vec![shard], ..Self::new(store, table, index, None) }
    }

    /// The next page, which may be empty; `None` after the last one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, Failure> {
        if !self.more {
            let Some(shard) = self.shards.pop() else { return Ok(None) };
            self.query.partition = shard;
            self.query.after = None;
        }
        let page = self.store.query_index(&self.query).await?;
        self.more = page.next.is_some();
        self.query.after = page.next;
        Ok(Some(page.items))
    }
}
