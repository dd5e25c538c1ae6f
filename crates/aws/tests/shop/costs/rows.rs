//! What the changesets of an order write, and what that takes by DynamoDB's rules: a unit for
//! each KiB begun, twice in a transaction; and one for each entry that enters or leaves an index.

use std::collections::BTreeMap;

use lmall_app::{
    Changeset, Write,
    ports::{Index, IndexEntry, Key, NewRow, Table},
};
use lmall_domain::OrderId;

/// Bytes of a row beside its key, its body and its places in indexes: names and numbers.
const OVERHEAD: usize = 100;

/// What was written of one kind of row.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Written {
    /// How often.
    pub(super) writes: u64,
    /// Units of the rows themselves.
    pub(super) row_units: u64,
    /// Units of the indexes.
    pub(super) index_units: u64,
}

/// By table and kind of row; and the index entries by table and index.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) kinds: BTreeMap<(Table, &'static str), Written>,
    pub(super) indexes: BTreeMap<(Table, Index), u64>,
    pub(super) transactions: u64,
    pub(super) single_writes: u64,
}

impl Rows {
    /// Write units in the table.
    pub(super) fn units(&self, table: Table) -> u64 {
        let of_table = self.kinds.iter().filter(|((of, _), _)| *of == table);
        of_table.map(|(_, written)| written.row_units + written.index_units).sum()
    }
}

/// What these changesets wrote; all of them belong to one order.
pub(super) fn written(commits: &[Changeset], order_id: OrderId) -> Rows {
    let mut rows = Rows::default();
    let mut entries: BTreeMap<Key, Vec<IndexEntry>> = BTreeMap::new();
    for changeset in commits {
        let event = changeset.outbox().map(|row| Write::Insert(row.pending()));
        let writes: Vec<_> =
            changeset.writes().iter().map(|(write, _)| write.clone()).chain(event).collect();
        let factor = if writes.len() > 1 { 2 } else { 1 };
        rows.transactions += factor - 1;
        rows.single_writes += 2 - factor;
        for write in &writes {
            let kind = kind(write.key(), order_id);
            let (size, places) = match write {
                Write::Insert(row) | Write::Replace(row, _) => (size(row), row.indexes.clone()),
                Write::Adjust(..) | Write::Delete(..) | Write::Absent(_) => (OVERHEAD, Vec::new()),
            };
            let before = entries.insert(write.key().clone(), places.clone()).unwrap_or_default();
            let moved = moved(&before, &places);
            for index in &moved {
                *rows.indexes.entry((write.key().table, *index)).or_default() += 1;
            }
            let written = rows.kinds.entry((write.key().table, kind)).or_default();
            written.writes += 1;
            written.row_units += factor * units(size);
            written.index_units += units(moved.len() * 1_024);
        }
    }
    rows
}

/// The indexes that an entry enters or leaves. An entry that stays where it is costs nothing:
/// indexes have keys only.
fn moved(before: &[IndexEntry], after: &[IndexEntry]) -> Vec<Index> {
    let left = before.iter().filter(|entry| !after.contains(entry));
    let entered = after.iter().filter(|entry| !before.contains(entry));
    left.chain(entered).map(|entry| entry.index).collect()
}

fn size(row: &NewRow) -> usize {
    let places: usize =
        row.indexes.iter().map(|entry| entry.partition.len() + entry.sort.len() + 40).sum();
    OVERHEAD + row.key.partition.len() + row.key.sort.len() + row.body.len() + places
}

fn units(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(1_024)).expect("a few")
}

fn kind(key: &Key, order_id: OrderId) -> &'static str {
    let Key { partition, sort, .. } = key;
    if partition.starts_with("idempotency#") {
        "first answer"
    } else if partition == "tally" {
        "tally of ended orders"
    } else if partition.starts_with("sku#") {
        "bucket of the ledger"
    } else if partition.starts_with("event#") {
        "provider's event"
    } else if partition.starts_with("customer#") {
        if sort.starts_with("bought#") { "purchase" } else { "that the customer is there" }
    } else if partition.starts_with("basket#") {
        "basket"
    } else if *partition != order_id.to_string() {
        panic!("no row of this order: {key:?}")
    } else if sort.starts_with("outbox#") {
        "outbox row"
    } else if sort.starts_with("handled#") {
        "dedupe row"
    } else {
        match sort.as_str() {
            "order" => "order",
            "reservation" => "reservation",
            "payment" => "payment",
            _ => panic!("an unknown row: {key:?}"),
        }
    }
}
