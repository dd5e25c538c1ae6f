//! A queue in memory: who may have which message next.
//!
//! Pure: the time (of the monotonic clock) comes in, and the file is somebody else's. Messages are known by their `seq`;
//! their text is kept for a few and read from the file for the others.

mod group;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use lmall_app::ports::Message;

use group::Group;

/// Messages whose text is kept in memory.
const TEXTS_MAX: usize = 4096;

/// A message that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) group: u64,
    pub(super) receive_count: u32,
    /// Counts the deliveries of the queue: what makes a receipt stale.
    pub(super) delivery: u64,
    until: Duration,
}

/// A message that was picked.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) seq: i64,
    pub(super) flight: Flight,
    /// Its text; none when it must be read.
    pub(super) message: Option<Message>,
}

/// The state of one queue.
///
/// A group is in `ready` when it has messages and none of them is held. That is all there is to
/// FIFO: what is held, or waits for its next try, blocks its group.
#[derive(Default)]
pub(super) struct QueueState {
    groups: HashMap<u64, Group>,
    ready: VecDeque<u64>,
    flights: HashMap<i64, Flight>,
    deadlines: BTreeSet<(Duration, i64)>,
    /// How often waiting messages were received, where that is not 0.
    counts: HashMap<i64, u32>,
    texts: HashMap<i64, Message>,
    waiting: u64,
    deliveries: u64,
}

impl QueueState {
    /// Adds a message behind all others of its group.
    pub(super) fn push(
        &mut self,
        seq: i64,
        group: u64,
        receive_count: u32,
        message: Option<Message>,
    ) {
        if let Some(message) = message
            && self.texts.len() < TEXTS_MAX
        {
            self.texts.insert(seq, message);
        }
        self.wait(seq, group, receive_count);
    }

    /// Picks up to `max` messages that nobody holds, for somebody to hold them until `until`: the
    /// first of each group only. What stands behind a message that keeps failing is not received
    /// with it, or it would use up its own receives.
    pub(super) fn pick(&mut self, max: usize, until: Duration) -> Vec<Pick> {
        let mut picks = Vec::new();
        while picks.len() < max {
            let Some(key) = self.ready.pop_front() else { break };
            let Some(group) = self.groups.get_mut(&key) else { continue };
            if let Some(seq) = group.take() {
                picks.push(self.hold(seq, key, until));
            }
        }
        picks
    }

    /// Makes what was held for too long available again. Says whether anything was.
    pub(super) fn expire(&mut self, now: Duration) -> bool {
        let mut any = false;
        while let Some(&(until, seq)) = self.deadlines.first()
            && until <= now
        {
            self.release(seq, None);
            any = true;
        }
        any
    }

    /// When [`QueueState::expire`] will have something to do.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Whether a pick would find something.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The flight, if this delivery is the one that holds the message.
    pub(super) fn flight(&self, seq: i64, delivery: u64) -> Option<Flight> {
        self.flights.get(&seq).copied().filter(|flight| flight.delivery == delivery)
    }

    /// Lets the holder hold the message until `until`, which may be at once.
    pub(super) fn hold_until(&mut self, seq: i64, until: Duration) {
        if let Some(flight) = self.flights.get_mut(&seq) {
            self.deadlines.remove(&(flight.until, seq));
            flight.until = until;
            self.deadlines.insert((until, seq));
        }
    }

    /// Gives a held message back; with a count, as if it had been received so often only.
    pub(super) fn release(&mut self, seq: i64, receive_count: Option<u32>) {
        if let Some(flight) = self.suspend(seq) {
            self.free(flight.group);
            self.wait(seq, flight.group, receive_count.unwrap_or(flight.receive_count));
        }
    }

    /// Takes a held message out for good. Its group goes on.
    pub(super) fn remove(&mut self, seq: i64) -> Option<Flight> {
        let flight = self.suspend(seq)?;
        self.free(flight.group);
        Some(flight)
    }

    /// Takes a held message out without letting its group go on: [`QueueState::free`] or
    /// [`QueueState::resume`] must follow.
    pub(super) fn suspend(&mut self, seq: i64) -> Option<Flight> {
        let flight = self.flights.remove(&seq)?;
        self.deadlines.remove(&(flight.until, seq));
        Some(flight)
    }

    /// Undoes [`QueueState::suspend`].
    pub(super) fn resume(&mut self, seq: i64, flight: Flight) {
        self.flights.insert(seq, flight);
        self.deadlines.insert((flight.until, seq));
    }

    /// Undoes [`QueueState::remove`].
    pub(super) fn restore(&mut self, seq: i64, flight: Flight) {
        self.groups.entry(flight.group).or_default().hold();
        self.resume(seq, flight);
    }

    /// Ends one hold of the group.
    pub(super) fn free(&mut self, key: u64) {
        if let Some(group) = self.groups.get_mut(&key) {
            group.free();
            self.settle(key);
        }
    }

    /// How many wait, and how many are held.
    pub(super) fn depth(&self) -> (u64, u64) {
        (self.waiting, u64::try_from(self.flights.len()).unwrap_or(u64::MAX))
    }

    fn hold(&mut self, seq: i64, group: u64, until: Duration) -> Pick {
        self.waiting -= 1;
        self.deliveries += 1;
        let receive_count = self.counts.remove(&seq).unwrap_or(0) + 1;
        let flight = Flight { group, receive_count, delivery: self.deliveries, until };
        self.resume(seq, flight);
        Pick { seq, flight, message: self.texts.remove(&seq) }
    }

    fn wait(&mut self, seq: i64, key: u64, receive_count: u32) {
        if receive_count > 0 {
            self.counts.insert(seq, receive_count);
        }
        self.waiting += 1;
        self.groups.entry(key).or_default().add(seq);
        self.settle(key);
    }

    fn settle(&mut self, key: u64) {
        let Some(group) = self.groups.get_mut(&key) else { return };
        if group.becomes_ready() {
            self.ready.push_back(key);
        } else if group.is_empty() {
            self.groups.remove(&key);
        }
    }
}
