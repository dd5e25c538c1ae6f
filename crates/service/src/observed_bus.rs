//! Whether the bus answers: what its consumers see of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    ports::{Bus, BusError, Delivery, Message, Receipt},
    topology::Queue,
};
use lmall_domain::event::Topic;

/// A bus that remembers whether the last receive was answered. A consumer receives all the time,
/// so nothing has to be asked for that alone.
#[derive(Clone)]
pub struct ObservedBus {
    bus: Arc<dyn Bus>,
    away: Arc<AtomicBool>,
}

impl ObservedBus {
    /// The bus; it counts as answering until it does not.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus, away: Arc::default() }
    }

    /// Whether the last receive was answered.
    #[must_use]
    pub fn answers(&self) -> bool {
        !self.away.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Bus for ObservedBus {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        self.bus.publish(topic, messages).await
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        let received = self.bus.receive(queue, max, wait, visibility).await;
        self.away.store(received.is_err(), Ordering::Relaxed);
        received
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        self.bus.change_visibility(queue, receipt, visibility).await
    }

    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError> {
        self.bus.delete(queue, receipts).await
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        self.bus.dead_letter(delivery, cause, permanent).await
    }
}
