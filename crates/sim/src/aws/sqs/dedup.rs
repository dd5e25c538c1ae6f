//! Deduplication: an id is accepted once in five minutes.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use lmall_app::ports::Message;

/// For so long after it was first accepted, an id is accepted again and dropped.
pub const DEDUPLICATION: Duration = Duration::from_secs(300);

type Key = (Arc<str>, Arc<str>);

/// The ids of the last five minutes. Each counts within its group, as in a high-throughput queue
/// (`DeduplicationScope: messageGroup`) and topic (`FifoThroughputScope: MessageGroup`).
#[derive(Debug, Default)]
pub struct Deduplication {
    known: BTreeSet<Key>,
    by_age: VecDeque<(Duration, Key)>,
}

impl Deduplication {
    /// Whether the message is the first with its id. A repeated one does not begin a new window.
    pub fn admits(&mut self, now: Duration, message: &Message) -> bool {
        while let Some((first, _)) = self.by_age.front()
            && *first + DEDUPLICATION <= now
        {
            let (_, key) = self.by_age.pop_front().expect("it is at the front");
            self.known.remove(&key);
        }
        let key = (Arc::clone(&message.group), Arc::clone(&message.dedup_id));
        let is_new = self.known.insert(key.clone());
        if is_new {
            self.by_age.push_back((now, key));
        }
        is_new
    }
}
