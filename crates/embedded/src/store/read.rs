//! Reading, one statement each.

use bytes::Bytes;
use lmall_app::ports::{IndexQuery, Item, Key, Page, Query, Table};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::sql;
use crate::db::integer;

/// Sorts after every key, since a key has no such character.
const END: char = char::MAX;

/// The row of that key.
pub(super) fn get(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Item>> {
    let mut statement = connection.prepare_cached(sql::of(key.table).get)?;
    statement
        .query_row((&key.partition, &key.sort), |row| {
            let body = Bytes::copy_from_slice(row.get_ref(1)?.as_bytes()?);
            Ok(Item { key: key.clone(), version: version(row, 0)?, body })
        })
        .optional()
}

/// A page of a partition.
pub(super) fn query(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let sql = sql::of(query.table);
    let sql = if query.descending { sql.query_descending } else { sql.query };
    let end = format!("{}{END}", query.prefix);
    let bounds = Bounds::new(query.prefix.clone(), end, query.after.as_deref(), query.descending);
    let more = integer(query.limit.saturating_add(1));
    page(
        connection,
        sql,
        query.table,
        query.limit,
        (&query.partition, bounds.from, bounds.to, more),
    )
}

/// A page of a partition of an index.
pub(super) fn query_index(connection: &Connection, query: &IndexQuery) -> rusqlite::Result<Page> {
    let sql = sql::of(query.table);
    let sql = if query.descending { sql.query_index_descending } else { sql.query_index };
    let end = query.until.as_deref().map_or_else(|| END.to_string(), successor);
    let bounds = Bounds::new(String::new(), end, query.after.as_deref(), query.descending);
    let more = integer(query.limit.saturating_add(1));
    let name = sql::index_number(query.index);
    page(
        connection,
        sql,
        query.table,
        query.limit,
        (name, &query.partition, bounds.from, bounds.to, more),
    )
}

/// Rows in key order.
pub(super) fn scan(
    connection: &Connection,
    table: Table,
    after: Option<&Key>,
    limit: usize,
) -> rusqlite::Result<Vec<Item>> {
    let mut statement = connection.prepare_cached(sql::of(table).scan)?;
    let (partition, sort) =
        after.map_or(("", ""), |key| (key.partition.as_str(), key.sort.as_str()));
    let rows = statement.query_map((partition, sort, integer(limit)), |row| item(table, row))?;
    rows.collect()
}

/// What SQLite finds wrong.
pub(super) fn integrity_check(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let problems = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(if problems == ["ok"] { Vec::new() } else { problems })
}

/// Sort keys at least `from` and below `to`.
struct Bounds {
    from: String,
    to: String,
}

impl Bounds {
    fn new(mut from: String, mut to: String, after: Option<&str>, descending: bool) -> Self {
        if let Some(after) = after {
            if descending {
                to = to.min(after.to_owned());
            } else {
                from = from.max(successor(after));
            }
        }
        Self { from, to }
    }
}

/// The least text that sorts after this one.
fn successor(text: &str) -> String {
    format!("{text}\0")
}

fn page(
    connection: &Connection,
    sql: &str,
    table: Table,
    limit: usize,
    params: impl Params,
) -> rusqlite::Result<Page> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut page = Page::default();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.items.len() == limit {
            page.next = last;
            break;
        }
        page.items.push(item(table, row)?);
        last = Some(row.get(4)?);
    }
    Ok(page)
}

fn item(table: Table, row: &Row<'_>) -> rusqlite::Result<Item> {
    let key = Key { table, partition: row.get(0)?, sort: row.get(1)? };
    let body = Bytes::copy_from_slice(row.get_ref(3)?.as_bytes()?);
    Ok(Item { key, version: version(row, 2)?, body })
}

fn version(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let version: i64 = row.get(column)?;
    u64::try_from(version).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, version))
}
