//! A queue, and what is under way to it.

use std::{collections::BTreeMap, time::Duration};

use lmall_app::{backoff::RECEIVES_MAX, ports::Message, topology::Queue};

use crate::{
    aws::sqs::{Kind, MessageQueue},
    kernel::Signal,
};

/// How a message comes to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Sent, by a topic or again from the dead letters.
    Sent,
    /// As one more copy of itself.
    Copied,
}

/// A queue, and what is under way to it.
pub(super) struct Line {
    pub(super) queue: Queue,
    pub(super) model: MessageQueue,
    /// Notified when there may be something to receive, or earlier than was known.
    pub(super) signal: Signal,
    transit: BTreeMap<(Duration, u64), (Message, Way)>,
    next: u64,
}

impl Line {
    pub(super) fn new(queue: Queue) -> Self {
        let kind = if queue.is_fifo() { Kind::Fifo } else { Kind::Standard };
        let model = MessageQueue::new(kind, RECEIVES_MAX);
        Self { queue, model, signal: Signal::default(), transit: BTreeMap::new(), next: 0 }
    }

    /// The message arrives at this time, behind what arrives then already.
    pub(super) fn expect(&mut self, at: Duration, message: Message, way: Way) {
        self.transit.insert((at, self.next), (message, way));
        self.next += 1;
        self.signal.notify();
    }

    /// The next message that has arrived, and when it did.
    pub(super) fn arrived(&mut self, now: Duration) -> Option<(Duration, Message, Way)> {
        let next = self.transit.first_entry()?;
        let at = next.key().0;
        (at <= now).then(|| {
            let (message, way) = next.remove();
            (at, message, way)
        })
    }

    /// What is under way, in the order of arrival.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Message> {
        self.transit.values().map(|(message, _)| message)
    }

    /// When there may be something to receive next, if nobody does anything.
    pub(super) fn due(&self) -> Duration {
        let arrival = self.transit.first_key_value().map(|((at, _), _)| *at);
        let due = arrival.into_iter().chain(self.model.next_timeout()).min();
        due.unwrap_or(Duration::MAX)
    }

    /// Visible ones, those under way included, and held ones.
    pub(super) fn depth(&mut self, now: Duration) -> (usize, usize) {
        let (visible, held) = self.model.depth(now);
        (visible + self.transit.len(), held)
    }
}
