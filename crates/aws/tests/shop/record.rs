//! What the shop did: changesets that took effect, and messages that consumers were handed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Changeset, OutboxRow,
    consumer::{Consumer, HandleError, Incoming},
    ports::{
        Bus, BusError, CommitError, Delivery, IndexQuery, Item, Key, Message, Page, Query, Receipt,
        Store, StoreError,
    },
    topology::Queue,
};
use lmall_aws::{AwsBus, DynamoStore};
use lmall_domain::event::{EventType, Topic};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

/// A message in the hands of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) queue: Queue,
    pub(crate) event_id: String,
    pub(crate) event_type: EventType,
}

/// What was done, in order. It stands for the change stream too: a changeset whose answer was
/// lost is not in it, as if the stream had lost the record.
pub(crate) struct Log {
    pub(crate) commits: Mutex<Vec<Changeset>>,
    pub(crate) sights: Mutex<Vec<Sight>>,
    /// Messages that the bus was given.
    pub(crate) published: Mutex<Vec<Message>>,
    /// Receives that brought something, by queue.
    pub(crate) full_receives: Mutex<BTreeMap<Queue, u64>>,
    /// Consumers finish what they do, and never say so.
    pub(crate) stall: AtomicBool,
    stream: UnboundedSender<OutboxRow>,
}

impl Log {
    /// A log that sends the outbox rows of what is committed to `stream`.
    pub(crate) fn new(stream: UnboundedSender<OutboxRow>) -> Self {
        Self {
            commits: Mutex::default(),
            sights: Mutex::default(),
            published: Mutex::default(),
            full_receives: Mutex::default(),
            stall: AtomicBool::default(),
            stream,
        }
    }

    /// Forgets what was done until now.
    pub(crate) fn clear(&self) {
        self.commits.lock().clear();
        self.sights.lock().clear();
        self.published.lock().clear();
        self.full_receives.lock().clear();
    }

    /// Panics when a consumer was handed an event of an order before an earlier one of the same
    /// service.
    pub(crate) fn assert_in_order(&self) {
        let mut last: BTreeMap<(Queue, String), (u32, Vec<u32>)> = BTreeMap::new();
        for sight in self.sights.lock().iter().filter(|sight| sight.queue.is_fifo()) {
            let (writer, seq) = sight.event_id.rsplit_once('-').expect("an event id");
            let seq = seq.parse().expect("an event id ends in its number");
            let (highest, seen) = last.entry((sight.queue, writer.to_owned())).or_default();
            let is_in_order = seq > *highest || seen.contains(&seq);
            assert!(is_in_order, "{sight:?} came after number {highest}");
            *highest = seq.max(*highest);
            seen.push(seq);
        }
    }
}

/// The store, which writes down what is committed. What it reads and what it writes goes through
/// different clients, so that they are counted apart.
pub(crate) struct Recorder {
    pub(crate) reading: DynamoStore,
    pub(crate) writing: DynamoStore,
    pub(crate) log: Arc<Log>,
}

#[async_trait]
impl Store for Recorder {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.reading.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.reading.query(query).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.reading.query_index(query).await
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        self.writing.commit(changeset.clone()).await?;
        let outbox = changeset.outbox().cloned();
        self.log.commits.lock().push(changeset);
        if let Some(row) = outbox {
            // Nobody listens where there is no relay.
            let _unheard = self.log.stream.send(row);
        }
        Ok(())
    }
}

/// The bus, which writes down what goes through it.
pub(crate) struct Listening {
    pub(crate) bus: AwsBus,
    pub(crate) log: Arc<Log>,
    /// Publishes every message a second time, under another id.
    pub(crate) twice: bool,
}

#[async_trait]
impl Bus for Listening {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        self.log.published.lock().extend(messages.iter().cloned());
        let doubled: Vec<_> = messages.iter().filter(|_| self.twice).map(again).collect();
        let answers = self.bus.publish(topic, messages).await;
        if !doubled.is_empty() {
            self.bus.publish(topic, doubled).await;
        }
        answers
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        let deliveries = self.bus.receive(queue, max, wait, visibility).await?;
        if !deliveries.is_empty() {
            *self.log.full_receives.lock().entry(queue).or_default() += 1;
        }
        Ok(deliveries)
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

/// The same message, which nobody has seen before as far as SNS can tell.
pub(crate) fn again(message: &Message) -> Message {
    let dedup_id = format!("{}-again", message.dedup_id).into();
    Message { dedup_id, ..message.clone() }
}

/// A consumer, which writes down what it is handed.
pub(crate) struct Watched {
    pub(crate) consumer: Arc<dyn Consumer>,
    pub(crate) log: Arc<Log>,
}

#[async_trait]
impl Consumer for Watched {
    fn queue(&self) -> Queue {
        self.consumer.queue()
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let envelope = &incoming.envelope;
        self.log.sights.lock().push(Sight {
            queue: self.queue(),
            event_id: envelope.event_id.as_str().to_owned(),
            event_type: envelope.event.event_type(),
        });
        let handled = self.consumer.handle(incoming).await;
        if self.log.stall.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        handled
    }
}

/// Takes what the others say, and keeps nothing.
pub(crate) struct Analytics;

#[async_trait]
impl Consumer for Analytics {
    fn queue(&self) -> Queue {
        Queue::Analytics
    }

    async fn handle(&self, _: Incoming) -> Result<(), HandleError> {
        Ok(())
    }
}
