//! Rows as items.

use std::{borrow::Cow, collections::BTreeMap, collections::HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use lmall_app::ports::{Item, Key, NewRow, Table};
use lmall_domain::Timestamp;

use super::keys::{attribute, indexes, place};

/// The attributes of an item.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Bytes of an item: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const ITEM_BYTES_MAX: usize = 400 * 1024;

/// Bytes that a number takes at most.
const NUMBER_BYTES_MAX: usize = 21;

/// A row that DynamoDB would not take. It is refused before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAnItem {
    #[error("a key or index place is empty")]
    EmptyKey,
    #[error("an item of {0} bytes; at most {ITEM_BYTES_MAX} are possible")]
    TooLarge(usize),
    #[error("a body that is no text")]
    NotText,
    #[error("a row in an index that its table does not have, or twice in one")]
    NoSuchPlace,
}

/// An item that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an item is not what this program writes: {0}")]
pub(super) struct Unreadable(&'static str);

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The key of an item.
pub(super) fn key(key: &Key) -> Result<Attributes, NotAnItem> {
    if key.partition.is_empty() || key.sort.is_empty() {
        return Err(NotAnItem::EmptyKey);
    }
    Ok(HashMap::from([
        (attribute::PARTITION.to_owned(), text(&key.partition)),
        (attribute::SORT.to_owned(), text(&key.sort)),
    ]))
}

/// The item of a row at a version, and its size in bytes, or a little more.
pub(super) fn encode(row: &NewRow, version: u64) -> Result<(Attributes, usize), NotAnItem> {
    let mut item = key(&row.key)?;
    item.insert(attribute::VERSION.to_owned(), number(version));
    match counters(&row.body) {
        Some(counters) => {
            item.extend(counters.into_iter().map(|(name, value)| {
                (format!("{}{name}", attribute::COUNTER_PREFIX), number(value))
            }))
        }
        None => {
            let body = std::str::from_utf8(&row.body).map_err(|_| NotAnItem::NotText)?;
            item.insert(attribute::BODY.to_owned(), text(body));
        }
    }
    for entry in &row.indexes {
        let place = place(entry.index);
        let is_known = indexes(row.key.table).contains(&entry.index);
        if !is_known || item.contains_key(place.partition) {
            return Err(NotAnItem::NoSuchPlace);
        }
        if entry.partition.is_empty() || entry.sort.is_empty() {
            return Err(NotAnItem::EmptyKey);
        }
        item.insert(place.partition.to_owned(), text(&entry.partition));
        item.insert(place.sort.to_owned(), text(&entry.sort));
    }
    if let Some(expires_at) = row.expires_at {
        item.insert(attribute::EXPIRES.to_owned(), number(seconds(expires_at)));
    }
    let bytes = item.iter().map(|(name, value)| name.len() + size(value)).sum();
    if bytes > ITEM_BYTES_MAX { Err(NotAnItem::TooLarge(bytes)) } else { Ok((item, bytes)) }
}

/// The row in an item.
pub(super) fn decode(table: Table, mut item: Attributes) -> Result<Item, Unreadable> {
    let partition = take_text(&mut item, attribute::PARTITION)?;
    let sort = take_text(&mut item, attribute::SORT)?;
    let version = item.get(attribute::VERSION).and_then(|value| value.as_n().ok()?.parse().ok());
    let version = version.ok_or(Unreadable("it has no version"))?;
    let body = match item.remove(attribute::BODY) {
        Some(AttributeValue::S(body)) => Bytes::from(body),
        Some(_) => return Err(Unreadable("its body is no text")),
        None => Bytes::from(counters_body(&item)?),
    };
    Ok(Item { key: Key { table, partition, sort }, version, body })
}

/// The text of that attribute, out of the item.
pub(super) fn take_text(item: &mut Attributes, name: &str) -> Result<String, Unreadable> {
    match item.remove(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        Some(_) | None => Err(Unreadable("a key is missing")),
    }
}

/// The counters in a body, if that is what it is: a flat object of whole numbers.
fn counters(body: &[u8]) -> Option<BTreeMap<Cow<'_, str>, i64>> {
    serde_json::from_slice(body).ok()
}

/// The body of counters, by name.
fn counters_body(item: &Attributes) -> Result<Vec<u8>, Unreadable> {
    let mut counters = BTreeMap::new();
    for (name, value) in item {
        if let Some(name) = name.strip_prefix(attribute::COUNTER_PREFIX) {
            let value = value.as_n().ok().and_then(|value| value.parse::<i64>().ok());
            counters.insert(name, value.ok_or(Unreadable("a counter is no whole number"))?);
        }
    }
    Ok(serde_json::to_vec(&counters).expect("strings and numbers have a JSON form"))
}

/// Seconds since 1970, rounded up: never before its time.
fn seconds(time: Timestamp) -> i64 {
    time.as_millis().saturating_add(999).div_euclid(1_000)
}

fn size(value: &AttributeValue) -> usize {
    value.as_s().map_or(NUMBER_BYTES_MAX, String::len)
}
