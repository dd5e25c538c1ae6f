//! From what serde says to what a client may read.

use serde_path_to_error::{Path, Segment};

use crate::problem::Problem;

/// Characters of the longest detail; serde quotes what it met, which may be the whole body.
const DETAIL_LEN_MAX: usize = 200;

/// The JSON pointer (RFC 6901) to a place.
pub(super) fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            // The variant's name is a key of the document; of an unknown place, its parent is
            // the best that can be said.
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// The 422 for a message of serde about the value at `pointer`.
pub(super) fn refusal(mut pointer: String, message: &str) -> Problem {
    let message = without_position(message);
    // serde reports a missing, unknown or repeated field at the object it belongs to.
    if let Some(name) = named_field(message) {
        let mut member = String::new();
        push(&mut member, name);
        if !pointer.ends_with(&member) || message.starts_with("missing") {
            pointer.push_str(&member);
        }
    }
    Problem::invalid().error(pointer, public(message))
}

fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

/// Drops ` at line 1 column 2`: the pointer says it better.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

fn named_field(message: &str) -> Option<&str> {
    let rest = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))?;
    rest.split_once('`').map(|(name, _)| name)
}

/// Replaces the names of our types, and cuts what is too long.
fn public(message: &str) -> String {
    let text = match message.rsplit_once(", expected ") {
        Some((found, wanted)) if is_type_name(wanted) => {
            let kind = if wanted.contains("enum ") { "a known value" } else { "an object" };
            format!("{found}, expected {kind}")
        }
        Some(_) | None => message.to_owned(),
    };
    text.chars().take(DETAIL_LEN_MAX).collect()
}

/// serde's words for a derived type: `struct Line`, `internally tagged enum Event`, ….
fn is_type_name(wanted: &str) -> bool {
    wanted.split(' ').any(|word| matches!(word, "struct" | "enum" | "variant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_no_type_name_and_no_flood() {
        let flood = "x".repeat(100_000);
        let rows = [
            ("invalid type: integer `5`, expected struct Line", "/a", "expected an object"),
            ("invalid type: null, expected internally tagged enum Event", "/a", "a known value"),
            ("invalid value: integer `0`, expected a nonzero u32 at line 1 column 9", "/a", "u32"),
            ("missing field `sku` at line 1 column 2", "/a/sku", "missing field `sku`"),
            ("unknown field `a`, expected `b`", "/a", "unknown field `a`, expected `b`"),
            ("unknown field `x/~y`", "/a/x~1~0y", "unknown"),
            (&flood, "/a", "xxx"),
        ];
        for (message, pointer, end) in rows {
            let body = refusal("/a".to_owned(), message).body(None);
            let [violation] = body.errors.as_slice() else { panic!("{body:?}") };
            assert_eq!(violation.pointer, pointer, "{message}");
            assert!(violation.detail.contains(end), "{violation:?}");
            assert!(!violation.detail.contains("struct"), "{violation:?}");
            assert!(!violation.detail.contains("line 1"), "{violation:?}");
            assert!(violation.detail.len() <= DETAIL_LEN_MAX, "{violation:?}");
        }
    }
}
