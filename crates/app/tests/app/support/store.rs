//! The store port as a map: the naive model of every other store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_trait::async_trait;
use lmall_app::{
    Changeset, OutboxRow, Refusal, Write,
    ports::{
        CommitError, IndexQuery, Item, Key, NewRow, Page, Query, Scan, Store, StoreError, Table,
    },
};
use parking_lot::Mutex;

use super::Away;

/// How a commit is kept from working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and it says so.
    Unavailable,
    /// Nothing happens before [`MemStore::land_lost`], and nobody knows.
    Lost,
    /// It happens, and nobody knows.
    Unanswered,
}

#[derive(Debug, Clone)]
struct Row {
    version: u64,
    new: NewRow,
}

type Rows = BTreeMap<Key, Row>;

#[derive(Default)]
pub(crate) struct MemStore {
    rows: Mutex<Rows>,
    faults: Mutex<VecDeque<Option<Fault>>>,
    lost: Mutex<Vec<Changeset>>,
    unindexed: Mutex<BTreeSet<Key>>,
    away: Mutex<bool>,
}

impl MemStore {
    /// The next commits meet these, one each.
    pub(crate) fn fail_commits(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().extend(faults.into_iter().map(Some));
    }

    /// So many commits work, and the next one meets this.
    pub(crate) fn fail_commit_after(&self, works: usize, fault: Fault) {
        let mut faults = self.faults.lock();
        faults.extend(std::iter::repeat_n(None, works));
        faults.push_back(Some(fault));
    }

    /// No more commits are kept from working. Whether all that were to be were.
    pub(crate) fn heal(&self) -> bool {
        std::mem::take(&mut *self.faults.lock()).is_empty()
    }

    /// Every changeset that was lost so far arrives after all, in order: what comes of each.
    pub(crate) fn land_lost(&self) -> Vec<Result<(), Refusal>> {
        let mut rows = self.rows.lock();
        self.lost.lock().drain(..).map(|changeset| apply(&mut rows, &changeset)).collect()
    }

    /// From now on the indexes have not heard of these rows yet, and of all others they have.
    pub(crate) fn lag_indexes(&self, of: impl IntoIterator<Item = Key>) {
        *self.unindexed.lock() = of.into_iter().collect();
    }

    /// Answers nothing until told otherwise.
    pub(crate) fn set_away(&self, away: bool) {
        *self.away.lock() = away;
    }

    /// Puts rows there as they are, at version 1.
    pub(crate) fn seed(&self, rows: impl IntoIterator<Item = NewRow>) {
        for new in rows {
            self.rows.lock().insert(new.key.clone(), Row { version: 1, new });
        }
    }

    fn present(&self) -> Result<(), Away> {
        if *self.away.lock() { Err(Away) } else { Ok(()) }
    }

    /// The page of what `found` gives by sort key, as every kind of query cuts it.
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
        let past =
            |sort: &str| after.is_none_or(|after| (sort > after) != descending && sort != after);
        let mut rest = found.into_iter().filter(|(sort, _)| past(sort));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let next = rest.next().and_then(|_| page.last().map(|(sort, _)| sort.clone()));
        Page { items: page.into_iter().map(|(_, item)| item).collect(), next }
    }
}

fn item(row: &Row) -> Item {
    Item { key: row.new.key.clone(), version: row.version, body: row.new.body.clone().into() }
}

/// What becomes of one row; `Err` when the condition does not hold.
fn next(rows: &Rows, write: &Write) -> Result<Option<Row>, ()> {
    let current = rows.get(write.key());
    match (write, current) {
        (Write::Insert(new), None) => Ok(Some(Row { version: 1, new: new.clone() })),
        (Write::Replace(new, version), Some(row)) if row.version == *version => {
            Ok(Some(Row { version: version + 1, new: new.clone() }))
        }
        (Write::Delete(_, version), Some(row)) if row.version == *version => Ok(None),
        (Write::Absent(_), None) => Ok(None),
        (Write::Adjust(_, deltas), Some(row)) => {
            let mut counters: BTreeMap<String, i64> =
                serde_json::from_slice(&row.new.body).expect("whole numbers by name");
            for (name, delta) in deltas {
                *counters.entry((*name).to_owned()).or_default() += delta;
            }
            if counters.values().any(|counter| *counter < 0) {
                return Err(());
            }
            let body = serde_json::to_vec(&counters).expect("it has a JSON form");
            Ok(Some(Row { version: row.version + 1, new: NewRow { body, ..row.new.clone() } }))
        }
        (
            Write::Insert(_)
            | Write::Replace(..)
            | Write::Delete(..)
            | Write::Adjust(..)
            | Write::Absent(_),
            _,
        ) => Err(()),
    }
}

fn apply(rows: &mut Rows, changeset: &Changeset) -> Result<(), Refusal> {
    let mut after = rows.clone();
    let outbox = changeset.outbox().map(OutboxRow::pending).map(Write::Insert);
    let outbox = outbox.iter().map(|write| (write, Refusal::Stale));
    let writes = changeset.writes().iter().map(|(write, refusal)| (write, *refusal));
    for (write, refusal) in writes.chain(outbox) {
        match next(rows, write).map_err(|()| refusal)? {
            Some(row) => after.insert(write.key().clone(), row),
            None => after.remove(write.key()),
        };
    }
    *rows = after;
    Ok(())
}

#[async_trait]
impl Store for MemStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.present().map_err(|away| StoreError(away.into()))?;
        Ok(self.rows.lock().get(key).map(item))
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.present().map_err(|away| StoreError(away.into()))?;
        let rows = self.rows.lock();
        let wanted = |key: &Key| {
            key.table == query.table
                && key.partition == query.partition
                && key.sort.starts_with(&query.prefix)
        };
        let found = rows.iter().filter(|(key, _)| wanted(key));
        let found = found.map(|(key, row)| (key.sort.clone(), item(row))).collect();
        Ok(Self::page(found, query.after.as_deref(), query.limit, query.descending))
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.present().map_err(|away| StoreError(away.into()))?;
        let rows = self.rows.lock();
        let unindexed = self.unindexed.lock();
        let of_table = rows
            .values()
            .filter(|row| row.new.key.table == query.table && !unindexed.contains(&row.new.key));
        let entries =
            of_table.flat_map(|row| row.new.indexes.iter().map(move |entry| (entry, row)));
        let found = entries
            .filter(|(entry, _)| entry.index == query.index && entry.partition == query.partition)
            .filter(|(entry, _)| query.until.as_ref().is_none_or(|until| entry.sort <= *until))
            .map(|(entry, row)| (entry.sort.clone(), item(row)))
            .collect();
        Ok(Self::page(found, query.after.as_deref(), query.limit, query.descending))
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        assert!(!changeset.is_empty(), "a transaction has at least one write");
        self.present().map_err(|away| CommitError::Unavailable(away.into()))?;
        let fault = self.faults.lock().pop_front().flatten();
        let mut rows = self.rows.lock();
        match fault {
            None => apply(&mut rows, &changeset).map_err(CommitError::Refused),
            Some(Fault::Unavailable) => Err(CommitError::Unavailable(Away.into())),
            Some(Fault::Lost) => {
                self.lost.lock().push(changeset);
                Err(CommitError::Unknown(Away.into()))
            }
            Some(Fault::Unanswered) => {
                // Refused or not: the answer is what is lost.
                apply(&mut rows, &changeset).ok();
                Err(CommitError::Unknown(Away.into()))
            }
        }
    }
}

#[async_trait]
impl Scan for MemStore {
    async fn scan(
        &self,
        table: Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.present().map_err(|away| StoreError(away.into()))?;
        let rows = self.rows.lock();
        let past = |key: &Key| key.table == table && after.is_none_or(|after| key > after);
        Ok(rows.iter().filter(|(key, _)| past(key)).take(limit).map(|(_, row)| item(row)).collect())
    }
}
