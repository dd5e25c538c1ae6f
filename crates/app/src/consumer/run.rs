//! The loop around a consumer.

use std::{any::Any, collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::{HandleError, Incoming, untried::Untried};
use crate::{
    backoff,
    failure::chain,
    ports::{Bus, Clock, Delivery, Spawn},
    shutdown::Shutdown,
    topology::Queue,
};

/// What does something with the messages of a queue.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// The queue.
    fn queue(&self) -> Queue;

    /// Makes one message take effect, once: its dedupe row is in the transaction of the effect.
    ///
    /// # Errors
    /// [`HandleError`] says whether trying again can help.
    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError>;
}

/// What a consumer is run on.
#[derive(Clone)]
pub struct Runtime {
    /// Where its messages come from.
    pub bus: Arc<dyn Bus>,
    /// Times heartbeats and pauses.
    pub clock: Arc<dyn Clock>,
    /// Runs the groups that are in work, a task each.
    pub spawn: Arc<dyn Spawn>,
}

/// How a consumer is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Messages asked for in one receive. SQS gives at most 10.
    pub batch: usize,
    /// Groups in work at the same time.
    pub groups: usize,
    /// How long a receive waits for a first message. SQS waits at most 20 s.
    pub wait: Duration,
    /// For how long a received message is invisible to others; extended at half of it.
    pub visibility: Duration,
}

/// The pause after the bus did not answer.
const BUS_AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Runs `consumer` until `shutdown`: then nothing more is received, what is in flight is
/// finished, and the rest becomes visible to others.
pub async fn run(
    consumer: Arc<dyn Consumer>,
    runtime: Runtime,
    options: Options,
    mut shutdown: Shutdown,
) {
    let queue = consumer.queue();
    let Runtime { bus, clock, spawn } = runtime;
    let untried = Untried::default();
    let shutdown_too = shutdown.clone();
    let worker = Worker { consumer, bus, clock, options, shutdown: shutdown_too, untried };
    let worker = Arc::new(worker);
    let permits = Arc::new(Semaphore::new(options.groups));
    while !shutdown.is_fired() {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        drop(permit);
        let max = options.batch.min(permits.available_permits()).max(1);
        let received = tokio::select! {
            biased;
            () = shutdown.fired() => break,
            received = worker.bus.receive(queue, max, options.wait, options.visibility) => received,
        };
        match received {
            Ok(deliveries) => {
                for group in by_group(queue, deliveries) {
                    let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
                    let worker = Arc::clone(&worker);
                    spawn.spawn(Box::pin(async move {
                        worker.group(group).await;
                        drop(permit);
                    }));
                }
            }
            Err(error) => {
                tracing::warn!(queue.name = queue.name(), error = chain(&error), "receive failed");
                shutdown.pause(&*worker.clock, BUS_AWAY_PAUSE).await;
            }
        }
    }
    // All permits are back once everything in flight is finished.
    let all = u32::try_from(options.groups).unwrap_or(u32::MAX);
    let _drained = permits.acquire_many(all).await;
}

/// Messages of one group stay together and in order; in a standard queue each is on its own.
fn by_group(queue: Queue, deliveries: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    if !queue.is_fifo() {
        return deliveries.into_iter().map(|delivery| vec![delivery]).collect();
    }
    let mut places: HashMap<Arc<str>, usize> = HashMap::with_capacity(deliveries.len());
    let mut groups: Vec<Vec<Delivery>> = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let place = *places.entry(Arc::clone(&delivery.message.group)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(delivery),
            None => groups.push(vec![delivery]),
        }
    }
    groups
}

struct Worker {
    consumer: Arc<dyn Consumer>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    options: Options,
    shutdown: Shutdown,
    untried: Untried,
}

impl Worker {
    /// Handles the messages of one group, one after another, and acknowledges each. After one
    /// that failed, or when the process is to stop, the rest goes back.
    async fn group(&self, deliveries: Vec<Delivery>) {
        let queue = self.consumer.queue();
        let mut beat = self.clock.monotonic() + self.options.visibility / 2;
        let mut held = deliveries.as_slice();
        while let [delivery, rest @ ..] = held {
            match self.attempt(held, &mut beat).await {
                Ok(()) => {
                    let receipts = vec![delivery.receipt.clone()];
                    log_bus(queue, "delete", self.bus.delete(queue, receipts).await);
                    self.untried.forget(delivery);
                    held = rest;
                }
                Err(error) => {
                    self.fail(delivery, &error).await;
                    held = rest;
                    break;
                }
            }
            if self.shutdown.is_fired() {
                break;
            }
        }
        for delivery in held {
            self.untried.hand_back(delivery);
            let back = self.bus.change_visibility(queue, &delivery.receipt, Duration::ZERO).await;
            log_bus(queue, "release", back);
        }
    }

    /// Decodes and handles the first message, keeping all that are held invisible for as long
    /// as that takes. A panic is an error like any other: it must not take the process down.
    async fn attempt(&self, held: &[Delivery], beat: &mut Duration) -> Result<(), HandleError> {
        let Some(delivery) = held.first() else { return Ok(()) };
        let incoming = Incoming::decode(&delivery.message)
            .map_err(|error| HandleError::Reject(chain(&error)))?;
        let handled = AssertUnwindSafe(self.consumer.handle(incoming)).catch_unwind();
        tokio::pin!(handled);
        loop {
            tokio::select! {
                biased;
                result = &mut handled => {
                    return result.unwrap_or_else(|panic| {
                        Err(HandleError::Retry(format!("panicked: {}", panic_text(&*panic))))
                    });
                }
                () = self.clock.sleep(beat.saturating_sub(self.clock.monotonic())) => {
                    *beat = self.clock.monotonic() + self.options.visibility / 2;
                    self.heartbeat(held).await;
                }
            }
        }
    }

    async fn heartbeat(&self, held: &[Delivery]) {
        let queue = self.consumer.queue();
        for delivery in held {
            let visibility = self.options.visibility;
            let more = self.bus.change_visibility(queue, &delivery.receipt, visibility).await;
            log_bus(queue, "heartbeat", more);
        }
    }

    async fn fail(&self, delivery: &Delivery, error: &HandleError) {
        let queue = self.consumer.queue();
        let cause = error.to_string();
        let permanent = matches!(error, HandleError::Reject(_));
        let tries = self.untried.tries(delivery);
        let delay = backoff::after_receive(tries).filter(|_| !permanent);
        tracing::warn!(
            queue.name = queue.name(),
            message.group = &*delivery.message.group,
            message.event_type = &*delivery.message.event_type,
            message.receive_count = delivery.receive_count,
            message.tries = tries,
            dead = delay.is_none(),
            error = cause,
            "message failed"
        );
        let moved = match delay {
            Some(delay) => self.bus.change_visibility(queue, &delivery.receipt, delay).await,
            None => {
                self.untried.forget(delivery);
                self.bus.dead_letter(delivery, &cause, permanent).await
            }
        };
        log_bus(queue, "return", moved);
    }
}

/// A bus that failed here delivers the message again after its visibility time-out.
fn log_bus(queue: Queue, call: &'static str, result: Result<(), crate::ports::BusError>) {
    if let Err(error) = result {
        let error = chain(&error);
        tracing::warn!(queue.name = queue.name(), call, error, "the bus failed");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
