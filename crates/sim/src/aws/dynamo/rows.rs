//! The rows of one table.

use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;
use lmall_app::ports::{IndexEntry, Item, Key, NewRow, Page, Query, Table};
use lmall_domain::Timestamp;

use super::span::{Span, page, past_prefix};

/// A row, without its name.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) version: u64,
    pub(super) body: Bytes,
    pub(super) indexes: Vec<IndexEntry>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Row {
    pub(super) fn new(new: &NewRow, version: u64) -> Self {
        let NewRow { key: _, body, indexes, expires_at } = new;
        let body = Bytes::copy_from_slice(body);
        Self { version, body, indexes: indexes.clone(), expires_at: *expires_at }
    }

    pub(super) fn item(&self, key: Key) -> Item {
        Item { key, version: self.version, body: self.body.clone() }
    }
}

/// A row as it lies in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowView<'a> {
    /// The table.
    pub table: Table,
    /// The partition.
    pub partition: &'a str,
    /// The sort key.
    pub sort: &'a str,
    /// The version.
    pub version: u64,
    /// One JSON document.
    pub body: &'a Bytes,
    /// The indexes that it is in, or will be.
    pub indexes: &'a [IndexEntry],
    /// When it may be deleted.
    pub expires_at: Option<Timestamp>,
}

impl<'a> RowView<'a> {
    fn new(table: Table, partition: &'a str, sort: &'a str, row: &'a Row) -> Self {
        let Row { version, body, indexes, expires_at } = row;
        let (version, expires_at) = (*version, *expires_at);
        Self { table, partition, sort, version, body, indexes, expires_at }
    }

    /// The row as it is read.
    #[must_use]
    pub fn item(self) -> Item {
        let key = Key::new(self.table, self.partition, self.sort);
        Item { key, version: self.version, body: self.body.clone() }
    }
}

/// The place of a table among all.
pub(crate) const fn position(table: Table) -> usize {
    match table {
        Table::Order => 0,
        Table::Inventory => 1,
        Table::Payment => 2,
        Table::Catalogue => 3,
        Table::Customer => 4,
    }
}

/// The rows, by partition and sort key.
pub(super) struct Rows {
    table: Table,
    partitions: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Rows {
    pub(super) fn new(table: Table) -> Self {
        Self { table, partitions: BTreeMap::new() }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Row> {
        self.partitions.get(&key.partition)?.get(&key.sort)
    }

    pub(super) fn view(&self, key: &Key) -> Option<RowView<'_>> {
        let (partition, rows) = self.partitions.get_key_value(&key.partition)?;
        let (sort, row) = rows.get_key_value(&key.sort)?;
        Some(RowView::new(self.table, partition, sort, row))
    }

    /// Puts the row there, or takes away what is; gives what was.
    pub(super) fn replace(&mut self, key: &Key, row: Option<Row>) -> Option<Row> {
        if let Some(row) = row {
            if let Some(rows) = self.partitions.get_mut(&key.partition) {
                if let Some(place) = rows.get_mut(&key.sort) {
                    return Some(std::mem::replace(place, row));
                }
                return rows.insert(key.sort.clone(), row);
            }
            let rows = BTreeMap::from([(key.sort.clone(), row)]);
            self.partitions.insert(key.partition.clone(), rows);
            return None;
        }
        let rows = self.partitions.get_mut(&key.partition)?;
        let was = rows.remove(&key.sort);
        if rows.is_empty() {
            self.partitions.remove(&key.partition);
        }
        was
    }

    pub(super) fn partition<'a>(
        &'a self,
        partition: &str,
    ) -> impl Iterator<Item = RowView<'a>> + use<'a> {
        let found = self.partitions.get_key_value(partition).into_iter();
        found.flat_map(|(partition, rows)| self.views(partition, rows.iter()))
    }

    /// The rows past this one.
    pub(super) fn after<'a>(
        &'a self,
        after: Option<&Key>,
    ) -> impl Iterator<Item = RowView<'a>> + use<'a> {
        let rest = after.and_then(|after| {
            let (partition, rows) = self.partitions.get_key_value(&after.partition)?;
            let span = Span { from: Bound::Excluded(&after.sort), to: Bound::Unbounded };
            Some(self.views(partition, span.of(rows)?))
        });
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(&*after.partition));
        let later = self.partitions.range::<str, _>((from, Bound::Unbounded));
        let later = later.flat_map(|(partition, rows)| self.views(partition, rows.iter()));
        rest.into_iter().flatten().chain(later)
    }

    fn views<'a>(
        &'a self,
        partition: &'a str,
        rows: impl Iterator<Item = (&'a String, &'a Row)>,
    ) -> impl Iterator<Item = RowView<'a>> {
        rows.map(move |(sort, row)| RowView::new(self.table, partition, sort, row))
    }

    pub(super) fn query(&self, query: &Query) -> Page {
        let Query { table: _, partition, prefix, after, limit, descending } = query;
        let end = past_prefix(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let span = Span { from: Bound::Included(prefix), to }.past(after.as_deref(), *descending);
        let rows = self.partitions.get_key_value(partition);
        let Some((partition, rows)) = rows else { return Page::default() };
        let Some(range) = span.of(rows) else { return Page::default() };
        let item = |sort, row| RowView::new(self.table, partition, sort, row).item();
        let found = range.map(|(sort, row)| (sort.as_str(), row));
        if *descending { page(found.rev(), *limit, item) } else { page(found, *limit, item) }
    }
}
