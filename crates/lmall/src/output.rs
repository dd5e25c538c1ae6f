//! All that the commands print: answers to standard output, complaints to standard error.
//!
//! A reader that goes away early (`lmall dlq list | head`) is no error, so write failures are
//! dropped here and nowhere else.

use std::{
    fmt::Display,
    io::{Write, stderr, stdout},
};

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// Prints one line.
pub(crate) fn say(text: impl Display) {
    let _reader_gone = writeln!(stdout().lock(), "{text}");
}

/// Prints one line to standard error.
pub(crate) fn complain(text: impl Display) {
    let _reader_gone = writeln!(stderr().lock(), "{text}");
}

/// Prints one JSON value on one line.
pub(crate) fn json(value: &impl Serialize) {
    say(serde_json::to_string(value).expect("reports have string keys and plain values"));
}

/// Prints a table.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    say(table.trim_fmt());
}
