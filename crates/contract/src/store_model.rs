//! Any changesets, against a map.

use std::collections::BTreeMap;

use lmall_app::{
    Changeset, Refusal, Write,
    ports::{Index, IndexEntry, NewRow, Store},
};
use proptest::prelude::*;

use crate::store::{Said, at, commit, found, key, row};

/// A write to one of four rows; its refusal tells which place it had in its changeset.
#[derive(Debug, Clone)]
pub enum Op {
    /// With this counter, in the index or not.
    Insert(i64, bool),
    /// The same, if it has this version.
    Replace(i64, bool, u64),
    /// Adds so much to the counter.
    Adjust(i64),
    /// If it has this version.
    Delete(u64),
    /// Nothing, if it is absent.
    Absent,
}

const ROWS: [&str; 4] = ["a", "b", "c", "d"];

/// Sequences of changesets.
pub fn changesets() -> impl Strategy<Value = Vec<BTreeMap<usize, Op>>> {
    let op = prop_oneof![
        (0..5_i64, any::<bool>()).prop_map(|(n, open)| Op::Insert(n, open)),
        (0..5_i64, any::<bool>(), 1..4_u64).prop_map(|(n, open, v)| Op::Replace(n, open, v)),
        (-3..4_i64).prop_map(Op::Adjust),
        (1..4_u64).prop_map(Op::Delete),
        Just(Op::Absent),
    ];
    let changeset = prop::collection::btree_map(0..ROWS.len(), op, 1..4);
    prop::collection::vec(changeset, 1..40)
}

/// Version, counter, whether it is in the index.
type Model = BTreeMap<usize, (u64, i64, bool)>;

fn apply(model: &mut Model, changeset: &BTreeMap<usize, Op>) -> Result<(), Refusal> {
    let mut next = model.clone();
    for (index, op) in changeset {
        let (_, refusal) = write(*index, op);
        let current = model.get(index).copied();
        let row = match (op, current) {
            (Op::Insert(n, open), None) => Some((1, *n, *open)),
            (Op::Replace(n, open, expected), Some((version, ..))) if version == *expected => {
                Some((version + 1, *n, *open))
            }
            (Op::Adjust(delta), Some((version, n, open))) if n + delta >= 0 => {
                Some((version + 1, n + delta, open))
            }
            (Op::Delete(expected), Some((version, ..))) if version == *expected => None,
            (Op::Absent, None) => None,
            (Op::Insert(..) | Op::Replace(..) | Op::Adjust(_) | Op::Delete(_) | Op::Absent, _) => {
                return Err(refusal);
            }
        };
        match row {
            Some(row) => next.insert(*index, row),
            None => next.remove(index),
        };
    }
    *model = next;
    Ok(())
}

fn write(index: usize, op: &Op) -> (Write, Refusal) {
    let name = ROWS[index];
    let refusal = [Refusal::Stale, Refusal::AlreadyHandled, Refusal::OutOfStock][index % 3];
    let new = |n: i64, open: bool| {
        let entry =
            || IndexEntry { index: Index::Open, partition: "x".to_owned(), sort: name.to_owned() };
        let indexes = if open { vec![entry()] } else { Vec::new() };
        NewRow { indexes, ..row("p", name, &format!(r#"{{"n":{n}}}"#)) }
    };
    let write = match op {
        Op::Insert(n, open) => Write::Insert(new(*n, *open)),
        Op::Replace(n, open, version) => Write::Replace(new(*n, *open), *version),
        Op::Adjust(delta) => Write::Adjust(key("p", name), vec![("n", *delta)]),
        Op::Delete(version) => Write::Delete(key("p", name), *version),
        Op::Absent => Write::Absent(key("p", name)),
    };
    (write, refusal)
}

/// The store does what the model does, and looks as it looks.
pub async fn agrees(store: &dyn Store, changesets: Vec<BTreeMap<usize, Op>>) {
    let mut model = Model::new();
    for changeset in changesets {
        let writes = changeset.iter().map(|(index, op)| write(*index, op));
        let whole =
            writes.fold(Changeset::new(), |whole, (write, refusal)| whole.with(write, refusal));
        let expected = apply(&mut model, &changeset).map_or_else(Said::Refused, |()| Said::Done);
        assert_eq!(commit(store, whole).await, expected, "{changeset:?}");
    }
    for (index, name) in ROWS.into_iter().enumerate() {
        let expected =
            model.get(&index).map(|(version, n, _)| (*version, format!(r#"{{"n":{n}}}"#)));
        assert_eq!(found(store, "p", name).await, expected, "{name}");
    }
    let open = model.iter().filter(|(_, (.., open))| *open).map(|(index, _)| ROWS[*index]);
    assert_eq!(at(store, "x", None, None, false).await, open.collect::<Vec<_>>());
}
