//! The model against a map that is cloned for each transaction.

use std::collections::BTreeMap;

use lmall_app::ports::{IndexEntry, NewRow};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

#[derive(Default)]
struct Naive(BTreeMap<Key, (u64, NewRow)>);

impl Naive {
    fn transact(&mut self, changeset: &Changeset) -> Result<(), Refusal> {
        let mut after = self.0.clone();
        for (write, refusal) in changeset.writes() {
            let key = write.key().clone();
            let current = self.0.get(&key).cloned();
            let next = match (write, current) {
                (Write::Insert(new), None) => Some((1, new.clone())),
                (Write::Replace(new, version), Some((is, _))) if is == *version => {
                    Some((is + 1, new.clone()))
                }
                (Write::Delete(_, version), Some((is, _))) if is == *version => None,
                (Write::Absent(_), None) => None,
                (Write::Adjust(_, deltas), Some((is, row))) => {
                    let mut counters: BTreeMap<String, i64> =
                        serde_json::from_slice(&row.body).unwrap();
                    for (name, delta) in deltas {
                        *counters.entry((*name).to_owned()).or_default() += delta;
                    }
                    if counters.values().any(|counter| *counter < 0) {
                        return Err(*refusal);
                    }
                    let body = serde_json::to_vec(&counters).unwrap();
                    Some((is + 1, NewRow { body, ..row }))
                }
                (
                    Write::Insert(_)
                    | Write::Replace(..)
                    | Write::Adjust(..)
                    | Write::Delete(..)
                    | Write::Absent(_),
                    _,
                ) => return Err(*refusal),
            };
            match next {
                Some(row) => after.insert(key, row),
                None => after.remove(&key),
            };
        }
        self.0 = after;
        Ok(())
    }

    fn page(
        mut found: Vec<(String, Item)>,
        after: Option<&str>,
        limit: usize,
        descending: bool,
    ) -> Page {
        found.sort_by(|left, right| left.0.cmp(&right.0));
        if descending {
            found.reverse();
        }
        found.retain(|(sort, _)| {
            after.is_none_or(|after| if descending { &**sort < after } else { &**sort > after })
        });
        let next = (found.len() > limit && limit > 0).then(|| found[limit - 1].0.clone());
        found.truncate(limit);
        Page { items: found.into_iter().map(|(_, item)| item).collect(), next }
    }

    fn items(&self) -> impl Iterator<Item = (&NewRow, Item)> {
        self.0.iter().map(|(key, (version, row))| {
            (row, Item { key: key.clone(), version: *version, body: row.body.clone().into() })
        })
    }

    fn query(&self, query: &Query) -> Page {
        let found = self.items().filter(|(row, _)| {
            row.key.table == query.table
                && row.key.partition == query.partition
                && row.key.sort.starts_with(&query.prefix)
        });
        let found = found.map(|(row, item)| (row.key.sort.clone(), item)).collect();
        Self::page(found, query.after.as_deref(), query.limit, query.descending)
    }

    fn query_index(&self, query: &IndexQuery) -> Page {
        let of_table = self.items().filter(|(row, _)| row.key.table == query.table);
        let entries = of_table
            .flat_map(|(row, item)| row.indexes.iter().map(move |entry| (entry, item.clone())));
        let found = entries
            .filter(|(entry, _)| entry.index == query.index && entry.partition == query.partition)
            .filter(|(entry, _)| query.until.as_ref().is_none_or(|until| entry.sort <= *until))
            .map(|(entry, item)| (entry.sort.clone(), item))
            .collect();
        Self::page(found, query.after.as_deref(), query.limit, query.descending)
    }
}

const SORTS: [&str; 8] = ["a", "a#1", "a#2", "a#\u{e9}", "a\u{10ffff}", "b", "b#", "\u{d7ff}"];

fn pick<'a>(rng: &mut ChaCha8Rng, from: &[&'a str]) -> &'a str {
    from[rng.random_range(0..from.len())]
}

fn any_key(rng: &mut ChaCha8Rng) -> Key {
    let table = Table::ALL[rng.random_range(0..3)];
    Key::new(table, pick(rng, &["p", "p\0", "q"]), pick(rng, &SORTS))
}

fn any_write(rng: &mut ChaCha8Rng, key: Key, naive: &Naive) -> Write {
    let current = naive.0.get(&key).map_or(0, |(version, _)| *version);
    let version = if rng.random_range(0..5) == 0 { current + 1 } else { current };
    let mut indexes = Vec::new();
    for index in [Index::Open, Index::ByCustomer] {
        if rng.random() {
            // Unique in its partition, as the port asks.
            let sort = format!("{}/{}/{}", rng.random_range(0..3), key.partition, key.sort);
            indexes.push(IndexEntry { index, partition: pick(rng, &["x", "y"]).to_owned(), sort });
        }
    }
    let body = format!(r#"{{"n":{}}}"#, rng.random_range(0..4)).into_bytes();
    let row = NewRow { key: key.clone(), body, indexes, expires_at: None };
    match rng.random_range(0..7) {
        0 | 1 => Write::Insert(row),
        2 | 3 => Write::Replace(row, version),
        4 => Write::Adjust(key, vec![("n", rng.random_range(-2..3)), ("m", 1)]),
        5 => Write::Absent(key),
        _ => Write::Delete(key, version),
    }
}

fn any_changeset(rng: &mut ChaCha8Rng, naive: &Naive) -> Changeset {
    let keys: BTreeSet<Key> = (0..rng.random_range(1..5)).map(|_| any_key(rng)).collect();
    let refusals = [Refusal::Stale, Refusal::AlreadyHandled, Refusal::OutOfStock];
    keys.into_iter().fold(Changeset::new(), |all, key| {
        let refusal = refusals[rng.random_range(0..3)];
        all.with(any_write(rng, key, naive), refusal)
    })
}

fn check_reads(rng: &mut ChaCha8Rng, dynamo: &mut Dynamo, naive: &Naive, now: Duration) {
    let page = |page: Page| (page.items, page.next);
    let table = Table::ALL[rng.random_range(0..3)];
    let after = rng.random::<bool>().then(|| pick(rng, &SORTS).to_owned());
    let (limit, descending) = (rng.random_range(0..5), rng.random());
    let query = Query {
        table,
        partition: pick(rng, &["p", "p\0", "q", "r"]).to_owned(),
        prefix: pick(rng, &["", "a", "a#", "a\u{10ffff}", "\u{d7ff}", "\u{10ffff}"]).to_owned(),
        after,
        limit,
        descending,
    };
    assert_eq!(page(dynamo.query(&query)), page(naive.query(&query)), "{query:?}");
    let place = |rng: &mut ChaCha8Rng| {
        rng.random::<bool>().then(|| pick(rng, &["0", "1/p/b", "1/q", "2/p/a#1", "3"]).to_owned())
    };
    let query = IndexQuery {
        table,
        index: if rng.random() { Index::Open } else { Index::ByCustomer },
        partition: pick(rng, &["x", "y", "z"]).to_owned(),
        after: place(rng),
        until: place(rng),
        limit,
        descending,
    };
    let found = page(dynamo.query_index(now, &query));
    assert_eq!(found, page(naive.query_index(&query)), "{query:?}");
    let after = rng.random::<bool>().then(|| Key { table, ..any_key(rng) });
    let wanted = |key: &Key| key.table == table && after.as_ref().is_none_or(|after| key > after);
    let all = naive.items().map(|(_, item)| item).filter(|item| wanted(&item.key));
    let all: Vec<_> = all.take(limit).collect();
    assert_eq!(dynamo.scan(table, after.as_ref(), limit), all, "{after:?}");
}

#[test]
fn the_model_does_what_a_plain_map_does() {
    let mut said = BTreeMap::new();
    for seed in 0..200 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (mut dynamo, mut naive) = (dynamo(), Naive::default());
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            // Past every token: what is repeated is executed.
            now += token::WINDOW;
            let changeset = any_changeset(rng, &naive);
            let expected = naive.transact(&changeset).map_err(TransactError::Refused);
            let applied = commit(&mut dynamo, now, &changeset);
            *said.entry(format!("{expected:?}")).or_insert(0) += 1;
            assert_eq!(applied.map(|_| ()), expected, "seed {seed}: {changeset:?}");
            check_reads(rng, &mut dynamo, &naive, now);
        }
        for table in Table::ALL {
            let rows: Vec<_> = dynamo.rows(table).map(RowView::item).collect();
            let expected = naive.items().map(|(_, item)| item);
            let expected: Vec<_> = expected.filter(|item| item.key.table == table).collect();
            assert_eq!(rows, expected, "seed {seed}");
        }
    }
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said.values().all(|count| *count > 500), "{said:?}");
}
