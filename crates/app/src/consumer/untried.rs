//! Receives that were no tries.
//!
//! Of a batch, what stands behind a message of its group that fails goes back as it came. Its
//! receive was counted all the same, so the number of receives is not the number of tries.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::ports::{Delivery, Message};

/// Messages remembered at the same time. They are few: those behind the failing ones.
const REMEMBERED_MAX: usize = 10_000;

type Name = (Arc<str>, Arc<str>);

/// How often which message was handed back untried, as far as this process knows.
#[derive(Default)]
pub(super) struct Untried(Mutex<HashMap<Name, u32>>);

impl Untried {
    /// The delivery goes back, and nobody has tried it.
    pub(super) fn hand_back(&self, delivery: &Delivery) {
        let mut counts = self.0.lock();
        if counts.len() >= REMEMBERED_MAX {
            // What is forgotten gets fewer tries, and one at least.
            counts.clear();
        }
        *counts.entry(name(&delivery.message)).or_default() += 1;
    }

    /// How often the delivery's message was tried, this time included.
    pub(super) fn tries(&self, delivery: &Delivery) -> u32 {
        let untried = self.0.lock().get(&name(&delivery.message)).copied().unwrap_or_default();
        delivery.receive_count.saturating_sub(untried).max(1)
    }

    /// The message does not come again.
    pub(super) fn forget(&self, delivery: &Delivery) {
        let mut counts = self.0.lock();
        if !counts.is_empty() {
            counts.remove(&name(&delivery.message));
        }
    }
}

fn name(message: &Message) -> Name {
    (Arc::clone(&message.group), Arc::clone(&message.dedup_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Trace, ports::Receipt, topology::Queue};

    fn delivery(id: &str, receive_count: u32) -> Delivery {
        let message = Message {
            group: "g".into(),
            dedup_id: id.into(),
            event_type: "order.created".into(),
            body: "{}".into(),
            trace: Trace::default(),
            replays: 0,
        };
        Delivery { queue: Queue::Order, receipt: Receipt(String::new()), receive_count, message }
    }

    #[test]
    fn what_was_handed_back_does_not_count() {
        let untried = Untried::default();
        for receive_count in 1..=5 {
            untried.hand_back(&delivery("behind", receive_count));
        }
        assert_eq!(untried.tries(&delivery("behind", 6)), 1);
        assert_eq!(untried.tries(&delivery("behind", 7)), 2);
        assert_eq!(untried.tries(&delivery("other", 6)), 6);
        untried.forget(&delivery("behind", 7));
        assert_eq!(untried.tries(&delivery("behind", 6)), 6);
    }

    #[test]
    fn the_memory_is_bounded() {
        let untried = Untried::default();
        for number in 0..=REMEMBERED_MAX {
            untried.hand_back(&delivery(&number.to_string(), 1));
        }
        assert_eq!(untried.0.lock().len(), 1);
    }
}
