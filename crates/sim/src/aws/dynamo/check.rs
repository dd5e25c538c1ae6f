//! What a transaction must be, and whether its conditions hold.

use std::{borrow::Cow, collections::BTreeMap};

use lmall_app::{
    Refusal, Write,
    ports::{Key, NewRow},
};
use lmall_domain::limits::{TRANSACTION_BYTES_MAX, TRANSACTION_WRITES_MAX};

use super::{TransactError, rows::Row};

/// Bytes of an item: DynamoDB's 400 KB.
const ITEM_BYTES_MAX: usize = 400 * 1_024;

/// Bytes of a partition key.
const PARTITION_BYTES_MAX: usize = 2_048;

/// Bytes of a sort key.
const SORT_BYTES_MAX: usize = 1_024;

/// Whether DynamoDB takes it at all: a `ValidationException` if not.
pub(super) fn request(writes: &[(&Write, Refusal)]) -> Result<(), &'static str> {
    if writes.is_empty() {
        return Err("a transaction without an action");
    }
    if writes.len() > TRANSACTION_WRITES_MAX {
        return Err("a transaction of too many actions");
    }
    let mut keys: Vec<&Key> = writes.iter().map(|(write, _)| write.key()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a transaction that writes an item twice");
    }
    let mut total = 0;
    for (write, _) in writes {
        name(&write.key().partition, &write.key().sort)?;
        let bytes = match write {
            Write::Insert(row) | Write::Replace(row, _) => item(row)?,
            Write::Adjust(..) | Write::Delete(..) | Write::Absent(_) => 0,
        };
        total += bytes;
    }
    if total > TRANSACTION_BYTES_MAX { Err("a transaction of too many bytes") } else { Ok(()) }
}

fn item(row: &NewRow) -> Result<usize, &'static str> {
    for entry in &row.indexes {
        name(&entry.partition, &entry.sort)?;
    }
    let bytes = row.key.partition.len() + row.key.sort.len() + row.body.len();
    if bytes > ITEM_BYTES_MAX { Err("an item of too many bytes") } else { Ok(bytes) }
}

fn name(partition: &str, sort: &str) -> Result<(), &'static str> {
    if partition.is_empty() || sort.is_empty() {
        return Err("a key that is empty");
    }
    if partition.len() > PARTITION_BYTES_MAX || sort.len() > SORT_BYTES_MAX {
        return Err("a key of too many bytes");
    }
    Ok(())
}

/// What becomes of the row, `None` when it goes.
pub(super) fn condition(
    write: &Write,
    refusal: Refusal,
    current: Option<&Row>,
) -> Result<Option<Row>, TransactError> {
    let refused = TransactError::Refused(refusal);
    match (write, current) {
        (Write::Insert(new), None) => Ok(Some(Row::new(new, 1))),
        (Write::Replace(new, version), Some(row)) if row.version == *version => {
            Ok(Some(Row::new(new, version + 1)))
        }
        (Write::Delete(_, version), Some(row)) if row.version == *version => Ok(None),
        (Write::Absent(_), None) => Ok(None),
        (Write::Adjust(_, deltas), Some(row)) => {
            let body = adjust(&row.body, deltas).map_err(TransactError::Invalid)?.ok_or(refused)?;
            Ok(Some(Row { version: row.version + 1, body: body.into(), ..row.clone() }))
        }
        (
            Write::Insert(_)
            | Write::Replace(..)
            | Write::Adjust(..)
            | Write::Delete(..)
            | Write::Absent(_),
            Some(_) | None,
        ) => Err(refused),
    }
}

/// The counters with the deltas; `None` when one of them would be negative.
fn adjust(body: &[u8], deltas: &[(&'static str, i64)]) -> Result<Option<Vec<u8>>, &'static str> {
    let mut counters: BTreeMap<Cow<'_, str>, i64> = serde_json::from_slice(body)
        .map_err(|_| "an adjustment of what is not an object of whole numbers")?;
    for (name, delta) in deltas {
        let counter = counters.entry(Cow::Borrowed(name)).or_default();
        *counter = counter.checked_add(*delta).ok_or("a counter that does not fit")?;
    }
    if counters.values().any(|counter| *counter < 0) {
        return Ok(None);
    }
    Ok(Some(serde_json::to_vec(&counters).expect("strings and numbers have a JSON form")))
}
