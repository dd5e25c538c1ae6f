//! The consumer of what is not critical.

use async_trait::async_trait;
use lmall_app::{
    consumer::{Consumer, HandleError, Incoming},
    topology::Queue,
};
use lmall_domain::event::EventType;
use lmall_web::{Counter, Metrics};

/// Counts what the shop does, for `/metrics`. Not critical: it keeps no rows, so a message that
/// comes twice counts twice.
pub struct Analytics {
    counters: Vec<(EventType, Counter)>,
}

impl Analytics {
    /// Counts there.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let counter = |kind: &EventType| {
            let labels = [("event_type", kind.name())];
            let help = "Events that the analytics consumer saw.";
            (*kind, metrics.counter_with("lmall_events_total", help, &labels))
        };
        Self { counters: Queue::Analytics.subscriptions().iter().map(counter).collect() }
    }
}

#[async_trait]
impl Consumer for Analytics {
    fn queue(&self) -> Queue {
        Queue::Analytics
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let kind = incoming.envelope.event.event_type();
        if let Some((_, counter)) = self.counters.iter().find(|(other, _)| *other == kind) {
            counter.inc();
        }
        Ok(())
    }
}
