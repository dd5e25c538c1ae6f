//! Which messages go one after another, and of which ones nobody holds any.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Messages that go one after another: a group, or one message of a standard queue.
#[derive(Debug, Default)]
pub(super) struct Lane {
    entries: BTreeSet<u64>,
    pub(super) held: usize,
}

impl Lane {
    pub(super) fn add(&mut self, number: u64) {
        self.entries.insert(number);
    }

    pub(super) fn remove(&mut self, number: u64, was_held: bool) {
        self.entries.remove(&number);
        self.held -= usize::from(was_held);
    }

    /// Its first message, when nobody holds one.
    fn head(&self) -> Option<u64> {
        self.entries.first().copied().filter(|_| self.held == 0)
    }
}

/// All lanes that are not empty.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<Arc<str>, Lane>,
    /// Those of which nobody holds a message, by their first one.
    ready: BTreeMap<u64, Arc<str>>,
}

impl Lanes {
    /// Changes one lane, and keeps what is ready.
    pub(super) fn change(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Lane)) {
        let lane = self.lanes.entry(Arc::clone(name)).or_default();
        let before = lane.head();
        change(lane);
        let (after, is_empty) = (lane.head(), lane.entries.is_empty());
        if before != after {
            before.map(|head| self.ready.remove(&head));
            after.map(|head| self.ready.insert(head, Arc::clone(name)));
        }
        if is_empty {
            self.lanes.remove(name);
        }
    }

    /// How many lanes are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The messages of one of those, counted from the one that has waited longest.
    pub(super) fn nth_ready(&self, index: usize) -> Vec<u64> {
        let lane = self.ready.values().nth(index).and_then(|name| self.lanes.get(name));
        lane.map(|lane| lane.entries.iter().copied().collect()).unwrap_or_default()
    }
}
