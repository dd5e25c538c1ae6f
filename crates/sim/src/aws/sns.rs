//! Amazon SNS: FIFO topics.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lmall_app::{
    ports::Message,
    topology::{self, Queue},
};
use lmall_domain::event::Topic;

use super::sqs::Deduplication;

/// Where and when a published message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The subscribed queue.
    pub queue: Queue,
    /// When it is sent there.
    pub at: Duration,
}

/// A FIFO topic, subscribed to as [`topology`] says.
#[derive(Debug)]
pub struct FifoTopic {
    topic: Topic,
    dedup: Deduplication,
    /// When the last message of a group arrives.
    last: BTreeMap<(Queue, Arc<str>), Duration>,
}

impl FifoTopic {
    /// A topic that has seen nothing.
    #[must_use]
    pub fn new(topic: Topic) -> Self {
        Self { topic, dedup: Deduplication::default(), last: BTreeMap::new() }
    }

    /// Accepts a message. It arrives at each queue after the delay that is drawn for it, and
    /// not before an earlier one of its group. `None` when it is dropped: its id is known.
    ///
    /// Of two arrivals at the same time, the one that was published first is first.
    pub fn publish(
        &mut self,
        now: Duration,
        message: &Message,
        mut delay: impl FnMut(Queue) -> Duration,
    ) -> Option<Vec<Arrival>> {
        if !self.dedup.admits(now, message) {
            return None;
        }
        let mut arrivals = Vec::new();
        for queue in topology::subscribers(self.topic, &message.event_type) {
            let last = self.last.entry((queue, Arc::clone(&message.group))).or_default();
            *last = (now + delay(queue)).max(*last);
            arrivals.push(Arrival { queue, at: *last });
        }
        Some(arrivals)
    }
}
