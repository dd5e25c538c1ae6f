//! Amazon SQS: FIFO and standard queues, and their dead-letter queues.

mod dead;
mod dedup;
mod lanes;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use lmall_app::ports::Message;

use self::lanes::Lanes;
pub use self::{
    dead::{DeadLetterQueues, Death, Letter},
    dedup::{DEDUPLICATION, Deduplication},
};

/// A message or dead letter that is this old is deleted, and nobody is told.
pub const RETENTION: Duration = Duration::from_secs(14 * 24 * 3_600);

/// A message can be invisible for so long after it was received, and no longer.
pub const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 3_600);

/// Messages in one call.
pub const BATCH_MAX: usize = 10;

/// What a queue promises of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In order within a group, deduplicated, and a receipt ends with its visibility time-out.
    Fifo,
    /// In no order, not deduplicated.
    Standard,
}

/// A receipt handle: of one receive of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    entry: u64,
    receive: u64,
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entry, self.receive)
    }
}

impl Handle {
    /// The handle that reads so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (entry, receive) = text.split_once('.')?;
        Some(Self { entry: entry.parse().ok()?, receive: receive.parse().ok()? })
    }
}

/// Why a call with a receipt handle was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The handle is not of the latest receive, or its time has passed.
    Stale,
    /// The message would be invisible for more than [`VISIBILITY_MAX`] in all.
    TooLong,
}

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Names this receive.
    pub handle: Handle,
    /// How often it was received, this time included: `ApproximateReceiveCount`.
    pub receive_count: u32,
    /// The message.
    pub message: Message,
}

/// A message that left its queue, or may.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The message.
    pub message: Message,
    /// When it was sent to the queue.
    pub sent_at: Duration,
    /// How often it was received.
    pub receive_count: u32,
}

/// What a receive came to.
#[derive(Debug, Default)]
pub struct Received {
    /// In the hands of the caller.
    pub taken: Vec<Taken>,
    /// Removed, because they were received as often as they may be: to the dead-letter queue.
    pub exhausted: Vec<Stored>,
}

struct Entry {
    stored: Stored,
    lane: Arc<str>,
    receive: u64,
    held: Option<Held>,
}

#[derive(Clone, Copy)]
struct Held {
    since: Duration,
    until: Duration,
}

/// A queue. Time is given to every call and never goes back.
pub struct MessageQueue {
    kind: Kind,
    receives_max: u32,
    dedup: Deduplication,
    /// By sequence number, which is also by age.
    entries: BTreeMap<u64, Entry>,
    lanes: Lanes,
    timeouts: BTreeSet<(Duration, u64)>,
    next_entry: u64,
    next_receive: u64,
}

impl MessageQueue {
    /// A queue that gives a message to its dead-letter queue rather than out once more than
    /// `receives_max` times: `maxReceiveCount`.
    #[must_use]
    pub fn new(kind: Kind, receives_max: u32) -> Self {
        Self {
            kind,
            receives_max,
            dedup: Deduplication::default(),
            entries: BTreeMap::new(),
            lanes: Lanes::default(),
            timeouts: BTreeSet::new(),
            next_entry: 0,
            next_receive: 0,
        }
    }

    /// Accepts a message. `false` when a FIFO queue drops it, because it knows its id.
    pub fn send(&mut self, now: Duration, message: Message) -> bool {
        if self.kind == Kind::Fifo && !self.dedup.admits(now, &message) {
            return false;
        }
        let number = self.next_entry;
        self.next_entry += 1;
        let lane = match self.kind {
            Kind::Fifo => Arc::clone(&message.group),
            Kind::Standard => number.to_string().into(),
        };
        self.lanes.change(&lane, |lane| lane.add(number));
        let stored = Stored { message, sent_at: now, receive_count: 0 };
        self.entries.insert(number, Entry { stored, lane, receive: 0, held: None });
        true
    }

    /// Up to `max` messages, and at most ten, which are invisible for `visibility`. `pick`
    /// chooses which of so many groups is next, of those that nobody holds a message of; from
    /// a group come as many as there are.
    pub fn receive(
        &mut self,
        now: Duration,
        max: usize,
        visibility: Duration,
        mut pick: impl FnMut(usize) -> usize,
    ) -> Received {
        self.settle(now);
        let until = now + visibility.min(VISIBILITY_MAX);
        let held = Held { since: now, until };
        let max = max.min(BATCH_MAX);
        let mut received = Received::default();
        while received.taken.len() < max && self.lanes.ready() > 0 {
            let index = pick(self.lanes.ready()).min(self.lanes.ready() - 1);
            for number in self.lanes.nth_ready(index) {
                if received.taken.len() == max {
                    break;
                }
                if self.is_exhausted(number) {
                    received.exhausted.extend(self.remove(number));
                } else {
                    received.taken.extend(self.hold(number, held));
                }
            }
        }
        received
    }

    /// Makes the message visible again after `visibility` from now; at once when it is zero.
    ///
    /// # Errors
    /// When the handle is stale, or the message would be invisible for too long.
    pub fn change_visibility(
        &mut self,
        now: Duration,
        handle: Handle,
        visibility: Duration,
    ) -> Result<(), Refusal> {
        self.settle(now);
        let number = handle.entry;
        let entry = self.held(handle).ok_or(Refusal::Stale)?;
        let held = entry.held.as_mut().ok_or(Refusal::Stale)?;
        let until = now + visibility;
        if until > held.since + VISIBILITY_MAX {
            return Err(Refusal::TooLong);
        }
        let before = std::mem::replace(&mut held.until, until);
        self.timeouts.remove(&(before, number));
        self.timeouts.insert((until, number));
        self.settle(now);
        Ok(())
    }

    /// The message that the handle names, while it does.
    pub fn look(&mut self, now: Duration, handle: Handle) -> Option<&Stored> {
        self.settle(now);
        self.held(handle).map(|entry| &entry.stored)
    }

    /// Deletes the message: it never comes again.
    ///
    /// # Errors
    /// When the handle is stale.
    pub fn delete(&mut self, now: Duration, handle: Handle) -> Result<Stored, Refusal> {
        self.look(now, handle).ok_or(Refusal::Stale)?;
        self.remove(handle.entry).ok_or(Refusal::Stale)
    }

    /// Deletes what has passed its retention, also when somebody holds it.
    pub fn expire(&mut self, now: Duration) -> Vec<Stored> {
        let mut expired = Vec::new();
        while let Some((number, entry)) = self.entries.first_key_value()
            && entry.stored.sent_at + RETENTION <= now
        {
            let number = *number;
            expired.extend(self.remove(number));
        }
        expired
    }

    /// When the next message comes back by itself.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.timeouts.first().map(|(until, _)| *until)
    }

    /// How many messages are visible, and how many are held.
    pub fn depth(&mut self, now: Duration) -> (usize, usize) {
        self.settle(now);
        let held = self.timeouts.len();
        (self.entries.len() - held, held)
    }

    /// What is in the queue, held or not, from the oldest on.
    pub fn stored(&self) -> impl Iterator<Item = &Stored> {
        self.entries.values().map(|entry| &entry.stored)
    }

    /// Makes visible what has passed its time-out.
    fn settle(&mut self, now: Duration) {
        while let Some((until, number)) = self.timeouts.first().copied()
            && until <= now
        {
            self.timeouts.remove(&(until, number));
            let entry = self.entries.get_mut(&number).expect("what is held is there");
            entry.held = None;
            self.lanes.change(&entry.lane, |lane| lane.held -= 1);
        }
    }

    /// The entry of a handle that is valid.
    fn held(&mut self, handle: Handle) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&handle.entry)?;
        // A standard queue also takes the handle of a message that is visible again.
        let in_time = entry.held.is_some() || self.kind == Kind::Standard;
        (entry.receive == handle.receive && in_time).then_some(entry)
    }

    fn is_exhausted(&self, number: u64) -> bool {
        let entry = self.entries.get(&number);
        entry.is_some_and(|entry| entry.stored.receive_count >= self.receives_max)
    }

    fn hold(&mut self, number: u64, held: Held) -> Option<Taken> {
        let entry = self.entries.get_mut(&number)?;
        self.next_receive += 1;
        entry.receive = self.next_receive;
        entry.held = Some(held);
        entry.stored.receive_count += 1;
        self.timeouts.insert((held.until, number));
        self.lanes.change(&entry.lane, |lane| lane.held += 1);
        Some(Taken {
            handle: Handle { entry: number, receive: entry.receive },
            receive_count: entry.stored.receive_count,
            message: entry.stored.message.clone(),
        })
    }

    fn remove(&mut self, number: u64) -> Option<Stored> {
        let entry = self.entries.remove(&number)?;
        if let Some(held) = entry.held {
            self.timeouts.remove(&(held.until, number));
        }
        self.lanes.change(&entry.lane, |lane| lane.remove(number, entry.held.is_some()));
        Some(entry.stored)
    }
}
