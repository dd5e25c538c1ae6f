//! Secondary indexes: copies of rows that lag behind them.

use std::{collections::BTreeMap, ops::Bound, time::Duration};

use lmall_app::ports::{Index, IndexEntry, IndexQuery, Item, Key, Page, Table};

use super::{
    Lags,
    span::{Span, page},
};

/// Every index; a name is one of the table's own.
const INDEXES: [Index; 8] = [
    Index::ByCustomer,
    Index::Open,
    Index::OutboxPending,
    Index::Expiry,
    Index::RefundOpen,
    Index::ByChange,
    Index::ByProduct,
    Index::Leaving,
];

/// The number of an index.
pub(super) const fn number(index: Index) -> u64 {
    match index {
        Index::ByCustomer => 0,
        Index::Open => 1,
        Index::OutboxPending => 2,
        Index::Expiry => 3,
        Index::RefundOpen => 4,
        Index::ByChange => 5,
        Index::ByProduct => 6,
        Index::Leaving => 7,
    }
}

/// When a change arrives; what arrives at once does so in the order of commits.
type Arrival = (Duration, u64);

/// One row's change on its way to one index.
struct Update {
    index: Index,
    key: Key,
    leave: Vec<IndexEntry>,
    enter: Vec<IndexEntry>,
    image: Option<Item>,
}

/// The rows at one sort key: one, but for moments in which another row takes its place.
type Place = Vec<Item>;

/// A partition of an index, by sort key.
type Partition = BTreeMap<String, Place>;

/// All indexes of all tables.
#[derive(Default)]
pub(super) struct Indexes {
    partitions: BTreeMap<(Table, Index), BTreeMap<String, Partition>>,
    under_way: BTreeMap<Arrival, Update>,
    /// When the last change of a row that is on its way arrives: a later one may not overtake it.
    latest: BTreeMap<(Key, Index), Arrival>,
    commits: u64,
}

impl Indexes {
    /// A row has changed: it is to leave and enter these places.
    pub(super) fn change(
        &mut self,
        now: Duration,
        key: &Key,
        leave: &[IndexEntry],
        enter: &[IndexEntry],
        image: Option<&Item>,
        lags: Lags<'_>,
    ) {
        for index in INDEXES {
            let of = |entries: &[IndexEntry]| -> Vec<_> {
                entries.iter().filter(|entry| entry.index == index).cloned().collect()
            };
            let (leave, enter) = (of(leave), of(enter));
            if leave.is_empty() && enter.is_empty() {
                continue;
            }
            let mut due = now.saturating_add(lags(index));
            let place = (key.clone(), index);
            if let Some((latest, _)) = self.latest.get(&place) {
                due = due.max(*latest);
            }
            let arrival = (due, self.commits);
            self.commits += 1;
            self.latest.insert(place, arrival);
            let image = image.filter(|_| !enter.is_empty()).cloned();
            self.under_way.insert(arrival, Update { index, key: key.clone(), leave, enter, image });
        }
    }

    /// Lets arrive what does by `now`.
    pub(super) fn settle(&mut self, now: Duration) {
        while let Some(first) = self.under_way.first_entry()
            && first.key().0 <= now
        {
            let (arrival, update) = first.remove_entry();
            let place = (update.key.clone(), update.index);
            if self.latest.get(&place) == Some(&arrival) {
                self.latest.remove(&place);
            }
            self.arrive(update);
        }
    }

    fn arrive(&mut self, update: Update) {
        let Update { index, key, leave, enter, image } = update;
        let partitions = self.partitions.entry((key.table, index)).or_default();
        for entry in leave {
            let Some(partition) = partitions.get_mut(&entry.partition) else { continue };
            let Some(place) = partition.get_mut(&entry.sort) else { continue };
            place.retain(|item| item.key != key);
            if place.is_empty() {
                partition.remove(&entry.sort);
            }
            if partition.is_empty() {
                partitions.remove(&entry.partition);
            }
        }
        for (entry, item) in enter.into_iter().zip(image.iter().cycle()) {
            let place = partitions.entry(entry.partition).or_default();
            let place = place.entry(entry.sort).or_default();
            let at = place.partition_point(|other| other.key < item.key);
            place.insert(at, item.clone());
        }
    }

    pub(super) fn pending(&self, now: Duration) -> usize {
        let arrived = (Bound::Excluded((now, u64::MAX)), Bound::Unbounded);
        self.under_way.range(arrived).count()
    }

    /// As of the last [`Indexes::settle`].
    pub(super) fn query(&self, query: &IndexQuery) -> Page {
        let IndexQuery { table, index, partition, after, until, limit, descending } = query;
        let to = until.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let span = Span { from: Bound::Unbounded, to }.past(after.as_deref(), *descending);
        let partitions = self.partitions.get(&(*table, *index));
        let rows = partitions.and_then(|partitions| partitions.get(partition));
        let Some(range) = rows.and_then(|rows| span.of(rows)) else { return Page::default() };
        let found =
            range.flat_map(|(sort, place)| place.iter().map(move |item| (sort.as_str(), item)));
        let item = |_, item: &Item| item.clone();
        if *descending { page(found.rev(), *limit, item) } else { page(found, *limit, item) }
    }
}
