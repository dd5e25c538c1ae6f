//! What every store promises.

use std::sync::Arc;

use lmall_app::{
    Changeset, Refusal, Write,
    ports::{CommitError, Index, IndexEntry, IndexQuery, Key, NewRow, Query, Scan, Store, Table},
};

/// A key of the table that is used here.
#[must_use]
pub fn key(partition: &str, sort: &str) -> Key {
    Key::new(Table::Order, partition, sort)
}

/// A row without indexes or expiry.
#[must_use]
pub fn row(partition: &str, sort: &str, body: &str) -> NewRow {
    let body = body.as_bytes().to_vec();
    NewRow { key: key(partition, sort), body, indexes: Vec::new(), expires_at: None }
}

fn indexed(sort: &str, places: &[(Index, &str, &str)]) -> NewRow {
    let entry = |(index, partition, sort): &(Index, &str, &str)| IndexEntry {
        index: *index,
        partition: (*partition).to_owned(),
        sort: (*sort).to_owned(),
    };
    NewRow { indexes: places.iter().map(entry).collect(), ..row("p", sort, "{}") }
}

/// What a commit says, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// It took effect.
    Done,
    /// A condition did not hold.
    Refused(Refusal),
    /// It did not take effect, and may later.
    Unavailable,
    /// Nobody knows.
    Unknown,
}

/// Commits, and says what came of it.
pub async fn commit(store: &dyn Store, changeset: Changeset) -> Said {
    match store.commit(changeset).await {
        Ok(()) => Said::Done,
        Err(CommitError::Refused(refusal)) => Said::Refused(refusal),
        Err(CommitError::Unavailable(_)) => Said::Unavailable,
        Err(CommitError::Unknown(_)) => Said::Unknown,
    }
}

/// The version and the body of a row; `None` when there is none.
///
/// # Panics
/// When it cannot be read.
pub async fn found(store: &dyn Store, partition: &str, sort: &str) -> Option<(u64, String)> {
    let item = store.get(&key(partition, sort)).await.expect("readable")?;
    assert_eq!(item.key, key(partition, sort));
    Some((item.version, String::from_utf8(item.body.to_vec()).expect("text")))
}

/// Each write takes effect if its condition holds, and else says what it was told to say.
pub async fn conditions(store: &dyn Store) {
    use Refusal::{AlreadyHandled, OutOfStock, Stale};
    let one = |write, refusal| Changeset::new().with(write, refusal);
    let adjust = |delta| Write::Adjust(key("p", "n"), vec![("n", delta)]);
    let v = |version, body: &str| Some((version, body.to_owned()));
    for (sort, write, refusal, said, after) in [
        ("a", Write::Insert(row("p", "a", "1")), AlreadyHandled, Said::Done, v(1, "1")),
        (
            "a",
            Write::Insert(row("p", "a", "2")),
            AlreadyHandled,
            Said::Refused(AlreadyHandled),
            v(1, "1"),
        ),
        ("a", Write::Replace(row("p", "a", "3"), 1), Stale, Said::Done, v(2, "3")),
        ("a", Write::Replace(row("p", "a", "4"), 1), Stale, Said::Refused(Stale), v(2, "3")),
        ("b", Write::Replace(row("p", "b", "5"), 1), Stale, Said::Refused(Stale), None),
        ("a", Write::Delete(key("p", "a"), 1), Stale, Said::Refused(Stale), v(2, "3")),
        ("a", Write::Delete(key("p", "a"), 2), Stale, Said::Done, None),
        ("a", Write::Delete(key("p", "a"), 2), Stale, Said::Refused(Stale), None),
        ("a", Write::Absent(key("p", "a")), Stale, Said::Done, None),
        ("a", Write::Insert(row("p", "a", "6")), Stale, Said::Done, v(1, "6")),
        ("a", Write::Absent(key("p", "a")), OutOfStock, Said::Refused(OutOfStock), v(1, "6")),
        ("n", adjust(1), OutOfStock, Said::Refused(OutOfStock), None),
        ("n", Write::Insert(row("p", "n", r#"{"n":2}"#)), Stale, Said::Done, v(1, r#"{"n":2}"#)),
        ("n", adjust(-2), OutOfStock, Said::Done, v(2, r#"{"n":0}"#)),
        ("n", adjust(-1), OutOfStock, Said::Refused(OutOfStock), v(2, r#"{"n":0}"#)),
        ("a", Write::Adjust(key("p", "a"), vec![("n", 1)]), Stale, Said::Unavailable, v(1, "6")),
    ] {
        let label = format!("{write:?}");
        assert_eq!(commit(store, one(write, refusal)).await, said, "{label}");
        assert_eq!(found(store, "p", sort).await, after, "{label}");
    }
}

/// Of several conditions that do not hold, the first one speaks, and nothing is written.
pub async fn precedence(store: &dyn Store) {
    let setup = Changeset::new()
        .insert(row("p", "a", "1"), Refusal::Stale)
        .insert(row("p", "n", r#"{"n":0}"#), Refusal::Stale);
    assert_eq!(commit(store, setup).await, Said::Done);
    let good = || Write::Insert(row("p", "new", "1"));
    let handled = || (Write::Insert(row("p", "a", "2")), Refusal::AlreadyHandled);
    let stock = || (Write::Adjust(key("p", "n"), vec![("n", -1)]), Refusal::OutOfStock);
    for (bad, said) in [
        (vec![handled(), stock()], Refusal::AlreadyHandled),
        (vec![stock(), handled()], Refusal::OutOfStock),
    ] {
        let mut changeset = Changeset::new().with(good(), Refusal::Stale);
        for (write, refusal) in bad {
            changeset = changeset.with(write, refusal);
        }
        assert_eq!(commit(store, changeset).await, Said::Refused(said));
        assert_eq!(found(store, "p", "new").await, None);
    }
}

/// Changesets that are refused leave no trace among others that are not.
pub async fn atomicity(store: Arc<dyn Store>) {
    let taken = Changeset::new().insert(row("taken", "t", "1"), Refusal::Stale);
    assert_eq!(commit(&*store, taken).await, Said::Done);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let own = number.to_string();
            let last = if number % 2 == 0 { own.as_str() } else { "taken" };
            let changeset = Changeset::new()
                .insert(row(&own, "first", "1"), Refusal::Stale)
                .insert(row(last, "t", "1"), Refusal::AlreadyHandled);
            let expected =
                if number % 2 == 0 { Said::Done } else { Said::Refused(Refusal::AlreadyHandled) };
            assert_eq!(commit(&*store, changeset).await, expected);
            assert_eq!(found(&*store, &own, "first").await.is_some(), number % 2 == 0);
        });
    }
    while let Some(joined) = tasks.join_next().await {
        joined.expect("no task panics");
    }
}

/// Many who take from one counter take what there is, and no more.
pub async fn concurrent_adjustments(store: Arc<dyn Store>) {
    let setup = Changeset::new().insert(row("p", "n", r#"{"left":300,"sold":0}"#), Refusal::Stale);
    assert_eq!(commit(&*store, setup).await, Said::Done);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut sold = 0;
            for _ in 0..50 {
                let write = Write::Adjust(key("p", "n"), vec![("left", -1), ("sold", 1)]);
                match commit(&*store, Changeset::new().with(write, Refusal::OutOfStock)).await {
                    Said::Done => sold += 1,
                    Said::Refused(Refusal::OutOfStock) => {}
                    said @ (Said::Refused(_) | Said::Unavailable | Said::Unknown) => {
                        panic!("{said:?}")
                    }
                }
            }
            sold
        });
    }
    let sold: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(sold, 300);
    let expected = (301, r#"{"left":0,"sold":300}"#.to_owned());
    assert_eq!(found(&*store, "p", "n").await, Some(expected));
}

/// Pages of a partition, with and without a prefix, both ways, one row after the other.
pub async fn paging(store: &dyn Store) {
    let sorts = ["A", "a", "a#1", "a#2", "a#\u{e9}", "b", "c"];
    let mut changeset = Changeset::new().insert(row("other", "a#3", "{}"), Refusal::Stale);
    for sort in sorts {
        changeset = changeset.insert(row("p", sort, "{}"), Refusal::Stale);
    }
    assert_eq!(commit(store, changeset).await, Said::Done);
    for prefix in ["", "a", "a#", "b", "d"] {
        for descending in [false, true] {
            let mut expected: Vec<_> =
                sorts.into_iter().filter(|sort| sort.starts_with(prefix)).collect();
            if descending {
                expected.reverse();
            }
            for limit in [1, 2, 7] {
                assert_eq!(walk(store, prefix, limit, descending).await, expected, "{prefix:?}");
            }
        }
    }
}

async fn walk(store: &dyn Store, prefix: &str, limit: usize, descending: bool) -> Vec<String> {
    let mut query = Query {
        table: Table::Order,
        partition: "p".to_owned(),
        prefix: prefix.to_owned(),
        after: None,
        limit,
        descending,
    };
    let mut sorts = Vec::new();
    loop {
        let page = store.query(&query).await.expect("readable");
        assert!(page.items.len() <= limit);
        sorts.extend(page.items.into_iter().map(|item| item.key.sort));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return sorts,
        }
    }
}

/// The rows at a partition of the index of open orders.
pub async fn at(
    store: &dyn Store,
    partition: &str,
    after: Option<&str>,
    until: Option<&str>,
    descending: bool,
) -> Vec<String> {
    let query = IndexQuery {
        table: Table::Order,
        index: Index::Open,
        partition: partition.to_owned(),
        after: after.map(str::to_owned),
        until: until.map(str::to_owned),
        limit: 2,
        descending,
    };
    all_of(store, query).await
}

/// The sort keys of all rows of an index query, page by page.
async fn all_of(store: &dyn Store, mut query: IndexQuery) -> Vec<String> {
    let mut sorts = Vec::new();
    loop {
        let page = store.query_index(&query).await.expect("readable");
        sorts.extend(page.items.into_iter().map(|item| item.key.sort));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return sorts,
        }
    }
}

/// A row is where its last version says, and nowhere else.
pub async fn indexes(store: &dyn Store) {
    let open = |partition, sort| (Index::Open, partition, sort);
    let mine = (Index::ByCustomer, "x", "1");
    let setup = Changeset::new()
        .insert(indexed("a", &[open("x", "3"), mine]), Refusal::Stale)
        .insert(indexed("b", &[open("x", "1")]), Refusal::Stale)
        .insert(indexed("c", &[open("x", "2")]), Refusal::Stale)
        .insert(indexed("d", &[]), Refusal::Stale)
        .insert(indexed("e", &[open("y", "1")]), Refusal::Stale);
    assert_eq!(commit(store, setup).await, Said::Done);
    assert_eq!(at(store, "x", None, None, false).await, ["b", "c", "a"]);
    assert_eq!(at(store, "x", None, None, true).await, ["a", "c", "b"]);
    assert_eq!(at(store, "x", None, Some("2"), true).await, ["c", "b"]);
    assert_eq!(at(store, "x", Some("1"), Some("2"), false).await, ["c"]);
    assert_eq!(at(store, "x", Some("3"), None, true).await, ["c", "b"]);
    let change = Changeset::new()
        .put(indexed("a", &[open("x", "0"), mine]), 1)
        .put(indexed("b", &[open("y", "0")]), 1)
        .put(indexed("d", &[open("x", "9")]), 1)
        .with(Write::Delete(key("p", "c"), 1), Refusal::Stale);
    assert_eq!(commit(store, change).await, Said::Done);
    assert_eq!(at(store, "x", None, None, false).await, ["a", "d"]);
    assert_eq!(at(store, "y", None, None, false).await, ["b", "e"]);
    let mine = IndexQuery {
        table: Table::Order,
        index: Index::ByCustomer,
        partition: "x".to_owned(),
        after: None,
        until: None,
        limit: 2,
        descending: false,
    };
    assert_eq!(all_of(store, mine).await, ["a"]);
}

/// An adjusted row stays in its indexes, and a counter that is absent begins at zero.
pub async fn adjusted_rows(store: &dyn Store) {
    let counters =
        NewRow { body: br#"{"left":2}"#.to_vec(), ..indexed("n", &[(Index::Open, "x", "1")]) };
    let setup = Changeset::new().insert(counters, Refusal::Stale);
    assert_eq!(commit(store, setup).await, Said::Done);
    let adjust = |deltas: &[(&'static str, i64)]| {
        let write = Write::Adjust(key("p", "n"), deltas.to_vec());
        Changeset::new().with(write, Refusal::OutOfStock).insert(row("p", "m", "1"), Refusal::Stale)
    };
    let refused = Said::Refused(Refusal::OutOfStock);
    assert_eq!(commit(store, adjust(&[("left", -1), ("sold", -1)])).await, refused);
    assert_eq!(commit(store, adjust(&[("left", -1), ("sold", 1)])).await, Said::Done);
    let expected = (2, r#"{"left":1,"sold":1}"#.to_owned());
    assert_eq!(found(store, "p", "n").await, Some(expected));
    assert_eq!(at(store, "x", None, None, false).await, ["n"]);
}

/// A scan finds every row once, and the rows of a partition together.
pub async fn scanning(store: &(impl Store + Scan)) {
    let mut rows = Vec::new();
    for partition in ["1", "2", "sku#a"] {
        for sort in ["a", "b", "c"] {
            let changeset = Changeset::new().insert(row(partition, sort, "{}"), Refusal::Stale);
            assert_eq!(commit(store, changeset).await, Said::Done);
            rows.push(key(partition, sort));
        }
    }
    for limit in [1, 2, 9, 100] {
        let mut seen: Vec<Key> = Vec::new();
        loop {
            let items = store.scan(Table::Order, seen.last(), limit).await.expect("readable");
            if items.is_empty() {
                break;
            }
            assert!(items.len() <= limit);
            seen.extend(items.into_iter().map(|item| item.key));
        }
        let partitions: Vec<_> = seen.chunks(3).map(|rows| rows[0].partition.as_str()).collect();
        let together = |(rows, partition): (&[Key], &&str)| {
            rows.iter().all(|row| row.partition == **partition)
        };
        assert!(seen.chunks(3).zip(&partitions).all(together), "{seen:?}");
        seen.sort_unstable();
        assert_eq!(seen, rows, "{limit}");
        assert!(store.scan(Table::Payment, None, limit).await.expect("readable").is_empty());
    }
}
