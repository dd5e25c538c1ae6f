//! The bus: topics, filtered FIFO queues, visibility time-outs, dead letters.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_domain::{Timestamp, event::Topic};

use crate::{outbox::Trace, topology::Queue};

/// What travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The `MessageGroupId`: messages of a group are delivered one after another.
    pub group: Arc<str>,
    /// The `MessageDeduplicationId`: within five minutes, a second message with it is accepted
    /// and dropped.
    pub dedup_id: Arc<str>,
    /// The attribute that subscriptions filter by.
    pub event_type: Arc<str>,
    /// The envelope, as JSON.
    pub body: Arc<str>,
    /// Request and trace ids.
    pub trace: Trace,
    /// How often it was replayed from a dead-letter queue.
    pub replays: u32,
}

/// What a receiver names a delivery by. Stale after the visibility time-out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message in the hands of a consumer.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The queue it came from.
    pub queue: Queue,
    /// For acknowledging it.
    pub receipt: Receipt,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// The message.
    pub message: Message,
}

/// A bus that does not answer, or refuses. Nothing is known of what it did.
#[derive(Debug, thiserror::Error)]
#[error("the bus does not answer")]
pub struct BusError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Topics and queues. A receipt that is stale is ignored by every call that takes one.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes to each subscribed queue. The answer has one result an entry, in order: an
    /// entry that failed may be published again, one that succeeded is durable.
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>>;

    /// Up to `max` messages that nobody else holds, waiting up to `wait` for a first one. They
    /// are invisible to others for `visibility`. The receive is counted durably before this
    /// returns. Within a group, the order is that of publishing, and nothing of a group is
    /// delivered by a later call while an earlier delivery of the group is held.
    ///
    /// # Errors
    /// When the bus does not answer.
    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError>;

    /// Makes the delivery visible again after `visibility` from now (zero: at once).
    ///
    /// # Errors
    /// When the bus does not answer.
    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError>;

    /// Acknowledges deliveries: they never come again.
    ///
    /// # Errors
    /// When the bus does not answer: they may come again.
    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError>;

    /// Moves the delivery to its queue's dead-letter queue, with its cause. `permanent` says
    /// that no replay can help.
    ///
    /// # Errors
    /// When the bus does not answer: it stays where it is, and may be among the dead as well.
    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError>;
}

/// A message that could not be processed.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its id among the dead letters; they sort by when they died.
    pub id: String,
    /// The queue that it belongs to.
    pub queue: Queue,
    /// The message.
    pub message: Message,
    /// Why it is here.
    pub cause: String,
    /// How often it was received since it was last sent.
    pub receive_count: u32,
    /// No replay can help: it cannot be parsed, say.
    pub permanent: bool,
    /// Since when it is here.
    pub dead_at: Timestamp,
    /// Since when it waits for an operator rather than for the replayer.
    pub parked_at: Option<Timestamp>,
}

/// Which dead letters.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Only of this queue.
    pub queue: Option<Queue>,
    /// Only of this event type.
    pub event_type: Option<String>,
    /// Only of this group.
    pub group: Option<String>,
    /// Only ids past this one.
    pub after: Option<String>,
}

/// What made a replay run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayTrigger {
    /// The schedule, along the ladder.
    Schedule,
    /// An operator.
    Operator,
}

impl ReplayTrigger {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Operator => "operator",
        }
    }
}

/// A replay that did something, for the audit trail.
#[derive(Debug, Clone)]
pub struct ReplayRun {
    /// What made it run.
    pub trigger: ReplayTrigger,
    /// Which dead letters it was about.
    pub filter: DeadLetterFilter,
    /// When it began.
    pub started_at: Timestamp,
    /// Dead letters sent again.
    pub replayed: u64,
    /// Dead letters left to an operator.
    pub parked: u64,
}

impl ReplayRun {
    /// How long its record is kept.
    pub const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
}

/// How much is in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// The queue.
    pub queue: Queue,
    /// Waiting, delayed ones included.
    pub visible: u64,
    /// Held by a consumer.
    pub in_flight: u64,
    /// In its dead-letter queue, parked ones not included.
    pub dead: u64,
    /// Waiting for an operator.
    pub parked: u64,
}

/// The dead-letter queues.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Up to `limit` of them, by id.
    ///
    /// # Errors
    /// When the bus does not answer.
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BusError>;

    /// Sends the dead letter to its queue again, as `message`, and removes it; or neither.
    /// `false` when it is not there any more.
    ///
    /// # Errors
    /// When the bus does not answer.
    async fn redrive(&self, id: &str, message: Message) -> Result<bool, BusError>;

    /// Leaves the dead letter to an operator. `false` when it is not there or parked already.
    ///
    /// # Errors
    /// When the bus does not answer.
    async fn park(&self, id: &str) -> Result<bool, BusError>;

    /// Keeps the record of a replay for [`ReplayRun::KEPT`].
    ///
    /// # Errors
    /// When it may not have.
    async fn record(&self, run: &ReplayRun) -> Result<(), BusError>;

    /// How much is in each queue.
    ///
    /// # Errors
    /// When the bus does not answer.
    async fn depths(&self) -> Result<Vec<QueueDepth>, BusError>;
}
