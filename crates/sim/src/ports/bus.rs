//! The bus and its dead letters, as a process reaches them.
//!
//! A call is a hop, what AWS does, and a hop; faults strike in between. What happens by itself
//! (a topic hands on, a copy arrives, a time-out or a retention passes) happens when somebody
//! next looks at the queue, as of the time when it was due.

mod letters;
mod line;
mod observer;
mod shared;
mod state;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    ports::{Bus, BusError, Delivery, Message, Receipt},
    topology::Queue,
};
use lmall_domain::event::Topic;
use rand::RngExt;

pub use self::{
    observer::BusObserver,
    shared::{BusOptions, SharedBus},
};
use crate::{
    aws::sqs::{BATCH_MAX, Handle, Refusal, Taken},
    kernel::{Fault, Site},
};

/// The bus, as one process reaches it.
#[derive(Clone)]
pub struct BusPort {
    /// The process.
    pub site: Site,
    /// The bus.
    pub aws: Arc<SharedBus>,
}

impl BusPort {
    fn strikes(&self, fault: Fault) -> bool {
        self.site.kernel.strikes(fault)
    }

    fn publish_one(&self, topic: Topic, message: &Message) -> Result<(), BusError> {
        if self.strikes(Fault::PublishRefused) {
            return Err(away("the entry is refused"));
        }
        self.site.note(|| format!("publishes {}", message.dedup_id));
        self.aws.lock().publish(topic, message);
        if self.strikes(Fault::PublishUnanswered) {
            return Err(away("the entry is not answered for"));
        }
        Ok(())
    }

    /// Receives, waiting for a first message until `deadline`.
    async fn take(
        &self,
        queue: Queue,
        max: usize,
        deadline: Duration,
        visibility: Duration,
    ) -> Vec<Taken> {
        let kernel = &self.site.kernel;
        loop {
            let (due, signal) = {
                let mut state = self.aws.lock();
                let taken = state.receive(queue, max, visibility);
                if !taken.is_empty() || kernel.elapsed() >= deadline {
                    return taken;
                }
                let line = state.line(queue);
                (line.due().min(deadline), line.signal.clone())
            };
            signal.wait_until(kernel, due).await;
        }
    }

    fn deliver(&self, queue: Queue, taken: Taken) -> Delivery {
        let Taken { handle, receive_count, message } = taken;
        self.site.note(|| {
            format!("receives {} from {}, time {receive_count}", message.dedup_id, queue.name())
        });
        let mut state = self.aws.lock();
        state.deliveries += 1;
        let process = self.site.process;
        state.observe(|observer| observer.delivered(process, queue, &message, receive_count));
        Delivery { queue, receipt: Receipt(handle.to_string()), receive_count, message }
    }

    /// Stale receipts are ignored, as the port promises.
    fn acknowledge(&self, queue: Queue, receipts: &[Receipt]) {
        for handle in receipts.iter().filter_map(handle) {
            let mut state = self.aws.lock();
            let Some(stored) = state.delete(queue, handle) else { continue };
            self.site.note(|| format!("acknowledges {}", stored.message.dedup_id));
            state.observe(|observer| observer.deleted(queue, &stored.message));
        }
    }
}

fn handle(receipt: &Receipt) -> Option<Handle> {
    Handle::parse(&receipt.0)
}

/// An answer that is none.
fn away(what: &'static str) -> BusError {
    BusError(what.into())
}

#[async_trait]
impl Bus for BusPort {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let mut results = Vec::with_capacity(messages.len());
        for batch in messages.chunks(BATCH_MAX) {
            self.site.hop("sns publish").await;
            results.extend(batch.iter().map(|message| self.publish_one(topic, message)));
            self.site.hop("sns published").await;
        }
        results
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        self.site.hop("sqs receive").await;
        if self.strikes(Fault::ReceiveFails) {
            self.site.hop("sqs not received").await;
            return Err(away("the receive fails"));
        }
        let kernel = &self.site.kernel;
        // A receive may give fewer than there are.
        let max = max.clamp(1, BATCH_MAX);
        let max = kernel.draw(|rng| match rng.random_range(0..4_u32) {
            0 => rng.random_range(1..=max),
            _ => max,
        });
        let deadline = kernel.elapsed().saturating_add(wait);
        let taken = self.take(queue, max, deadline, visibility).await;
        let unanswered = !taken.is_empty() && self.strikes(Fault::ReceiveUnanswered);
        self.site.hop("sqs received").await;
        if unanswered {
            return Err(away("the receive is not answered"));
        }
        Ok(taken.into_iter().map(|taken| self.deliver(queue, taken)).collect())
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        self.site.hop("sqs change visibility").await;
        let lost = self.strikes(Fault::VisibilityLost);
        let changed = match handle(receipt) {
            Some(handle) if !lost => self.aws.lock().change_visibility(queue, handle, visibility),
            Some(_) | None => Ok(()),
        };
        self.site.hop("sqs changed visibility").await;
        match changed {
            _ if lost => Err(away("the change of visibility is lost")),
            Ok(()) | Err(Refusal::Stale) => Ok(()),
            Err(Refusal::TooLong) => Err(away("a message can be invisible for 12 hours at most")),
        }
    }

    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError> {
        let mut result = Ok(());
        for batch in receipts.chunks(BATCH_MAX) {
            self.site.hop("sqs delete").await;
            if self.strikes(Fault::AckLost) {
                result = Err(away("the acknowledgement is lost"));
            } else {
                self.acknowledge(queue, batch);
                if self.strikes(Fault::AckUnanswered) {
                    result = Err(away("the acknowledgement is not answered"));
                }
            }
            self.site.hop("sqs deleted").await;
        }
        result
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        let queue = delivery.queue;
        self.site.hop("sqs send dead letter").await;
        if self.strikes(Fault::PublishRefused) {
            self.site.hop("sqs dead letter refused").await;
            return Err(away("the dead letter is refused"));
        }
        let buried =
            handle(&delivery.receipt).filter(|handle| self.bury(queue, *handle, cause, permanent));
        self.site.hop("sqs dead letter sent").await;
        let Some(handle) = buried else { return Ok(()) };
        if self.strikes(Fault::DeadLetterHalf) {
            return Err(away("the dead letter is still in its queue"));
        }
        // Its time may have passed meanwhile: then it is in both.
        let _deleted = self.aws.lock().delete(queue, handle);
        self.site.hop("sqs dead letter deleted").await;
        Ok(())
    }
}
