//! The messages of one group.

use std::collections::VecDeque;

/// A group: what waits, in order, and how many of its messages are held.
#[derive(Default)]
pub(super) struct Group {
    waiting: VecDeque<i64>,
    held: u32,
    ready: bool,
}

impl Group {
    /// Adds a message where its number belongs: at the end, unless it comes back.
    pub(super) fn add(&mut self, seq: i64) {
        if self.waiting.back().is_none_or(|last| *last < seq) {
            self.waiting.push_back(seq);
        } else {
            let place = self.waiting.partition_point(|other| *other < seq);
            self.waiting.insert(place, seq);
        }
    }

    /// Takes the first message to be held; none while another is held.
    pub(super) fn take(&mut self) -> Option<i64> {
        self.ready = false;
        if self.held > 0 {
            return None;
        }
        let seq = self.waiting.pop_front()?;
        self.held = 1;
        Some(seq)
    }

    /// One message more is held.
    pub(super) fn hold(&mut self) {
        self.held += 1;
    }

    /// One message less is held.
    pub(super) fn free(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// Whether it must be put among the ready groups now.
    pub(super) fn becomes_ready(&mut self) -> bool {
        let becomes = !self.ready && self.held == 0 && !self.waiting.is_empty();
        self.ready |= becomes;
        becomes
    }

    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0 && self.waiting.is_empty() && !self.ready
    }
}
