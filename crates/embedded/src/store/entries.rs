//! A row's index entries, as they are kept with the row.

use lmall_app::ports::IndexEntry;

use super::sql;

/// Name, partition and sort key.
pub(super) type Entry = (i64, String, String);

/// The text that tells what a row's entries are; none for none.
pub(super) fn encode(entries: &[IndexEntry]) -> Option<String> {
    if entries.is_empty() {
        return None;
    }
    let plain: Vec<_> = entries
        .iter()
        .map(|entry| (sql::index_number(entry.index), &entry.partition, &entry.sort))
        .collect();
    Some(serde_json::to_string(&plain).expect("numbers and strings have a JSON form"))
}

/// The entries in that text.
pub(super) fn decode(text: Option<&str>) -> rusqlite::Result<Vec<Entry>> {
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|error| {
        let column = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, column, Box::new(error))
    })
}
