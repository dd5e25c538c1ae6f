//! Dead-letter queues, and what is kept for an operator.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use lmall_app::{ports::Message, topology::Queue};

use super::RETENTION;

/// What becomes a dead letter.
#[derive(Debug, Clone)]
pub struct Death {
    /// The queue that it belongs to.
    pub queue: Queue,
    /// The message.
    pub message: Message,
    /// When it was sent to its queue.
    pub sent_at: Duration,
    /// Why it is dead.
    pub cause: Arc<str>,
    /// How often it was received.
    pub receive_count: u32,
    /// No replay can help.
    pub permanent: bool,
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What died, and why.
    pub death: Death,
    /// When.
    pub died_at: Duration,
    /// Since when it waits for an operator.
    pub parked_at: Option<Duration>,
    expires_at: Duration,
}

/// The dead-letter queues of all queues, and the parked letters, which are in no queue.
///
/// Nothing is deduplicated here. A queue that moves a message replaces its deduplication id by
/// its message id, which is unique; what we send ourselves gets a new id, too. The id that the
/// message was sent with is kept as an attribute.
#[derive(Debug, Default)]
pub struct DeadLetterQueues {
    letters: BTreeMap<u64, Letter>,
    /// Of those that are not parked.
    expiries: BTreeSet<(Duration, u64)>,
    next: u64,
}

impl DeadLetterQueues {
    /// Adds a letter. Ids grow.
    pub fn bury(&mut self, now: Duration, death: Death) -> u64 {
        let id = self.next;
        self.next += 1;
        // FIFO starts the clock again; a standard queue counts from the first sending.
        let since = if death.queue.is_fifo() { now } else { death.sent_at };
        let expires_at = since + RETENTION;
        self.expiries.insert((expires_at, id));
        self.letters.insert(id, Letter { death, died_at: now, parked_at: None, expires_at });
        id
    }

    /// The letter, when it is there.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Letter> {
        self.letters.get(&id)
    }

    /// Moves the letter to where it is kept for ever. `false` when it is not there or is parked.
    pub fn park(&mut self, now: Duration, id: u64) -> bool {
        let Some(letter) = self.letters.get_mut(&id) else { return false };
        if letter.parked_at.is_some() {
            return false;
        }
        letter.parked_at = Some(now);
        self.expiries.remove(&(letter.expires_at, id));
        true
    }

    /// Deletes the letter.
    pub fn remove(&mut self, id: u64) -> Option<Letter> {
        let letter = self.letters.remove(&id)?;
        self.expiries.remove(&(letter.expires_at, id));
        Some(letter)
    }

    /// Deletes what has passed its retention.
    pub fn expire(&mut self, now: Duration) -> Vec<Letter> {
        let mut expired = Vec::new();
        while let Some((at, id)) = self.expiries.first().copied()
            && at <= now
        {
            expired.extend(self.remove(id));
        }
        expired
    }

    /// All letters past this id, in the order in which they died.
    pub fn after(&self, id: Option<u64>) -> impl Iterator<Item = (u64, &Letter)> {
        let from = id.map_or(0, |id| id.saturating_add(1));
        self.letters.range(from..).map(|(id, letter)| (*id, letter))
    }

    /// How many letters of the queue are in its dead-letter queue, and how many are parked.
    #[must_use]
    pub fn depth(&self, queue: Queue) -> (u64, u64) {
        let mut depth = (0, 0);
        for letter in self.letters.values().filter(|letter| letter.death.queue == queue) {
            let count = if letter.parked_at.is_some() { &mut depth.1 } else { &mut depth.0 };
            *count += 1;
        }
        depth
    }
}
