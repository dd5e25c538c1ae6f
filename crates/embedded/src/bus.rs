//! The bus: queues in the file, and in memory who may have what next.
//!
//! The file knows which messages there are and how often each was received. Who holds one is
//! in memory only: a holder is a task of this process, and does not outlive it. So after a
//! restart everything is visible at once, also what was waiting for its next try.

mod dead;
mod dedup;
mod delivery;
mod queue;
mod statements;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    ports::{Bus, BusError, Clock, Delivery, Message, Receipt},
    topology::{Queue, subscribers},
};
use lmall_domain::{Timestamp, event::Topic};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::db::{Readers, Tx, Writer};
use dedup::Scope;
use delivery::Delivered;
use queue::QueueState;
pub(crate) use statements::Statements;

/// The bus of one machine, in the file of the store.
pub struct SqliteBus {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    clock: Arc<dyn Clock>,
    queues: Arc<Queues>,
}

#[derive(Default)]
struct Line {
    state: Mutex<QueueState>,
    /// Somebody should look again: something is ready.
    ready: Notify,
}

/// The queues in memory.
struct Queues {
    lines: [Line; Queue::ALL.len()],
    next_seq: AtomicI64,
    hasher: RandomState,
}

impl Queues {
    fn line(&self, queue: Queue) -> &Line {
        let [order, inventory, payment, analytics, product, customer] = &self.lines;
        match queue {
            Queue::Order => order,
            Queue::Inventory => inventory,
            Queue::Payment => payment,
            Queue::Analytics => analytics,
            Queue::Product => product,
            Queue::Customer => customer,
        }
    }

    /// What stands for the message's group. Two groups with one hash would only wait for each
    /// other. A queue that is not FIFO has a group a message.
    fn group(&self, queue: Queue, seq: i64, group: &str) -> u64 {
        if queue.is_fifo() { self.hasher.hash_one(group) } else { seq.unsigned_abs() }
    }

    /// Changes the state of a queue, and wakes a receiver if there is something for one.
    fn update<T>(&self, queue: Queue, change: impl FnOnce(&mut QueueState) -> T) -> T {
        let line = self.line(queue);
        let mut state = line.state.lock();
        let result = change(&mut state);
        let ready = state.has_ready();
        drop(state);
        if ready {
            line.ready.notify_one();
        }
        result
    }

    /// What is in the transaction and will be in the queue when it is committed.
    fn sent(&self, sent: Vec<Sent>) {
        for Sent { queue, seq, message } in sent {
            let group = self.group(queue, seq, &message.group);
            self.update(queue, |state| state.push(seq, group, 0, Some(message)));
        }
    }

    fn send(&self, tx: &mut Tx<'_>, queue: Queue, message: &Message) -> rusqlite::Result<Sent> {
        let seq = self.next_seq.fetch_add(1, Relaxed);
        tx.bus.send(seq, queue, message)?;
        Ok(Sent { queue, seq, message: message.clone() })
    }

    fn publish(
        &self,
        tx: &mut Tx<'_>,
        topic: Topic,
        messages: &[Message],
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Sent>> {
        let generation = tx.bus.dedup.generation(now)?;
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            if tx.bus.dedup.remember(generation, Scope::Topic(topic), &message.dedup_id, now)? {
                for queue in subscribers(topic, &message.event_type) {
                    sent.push(self.send(tx, queue, message)?);
                }
            }
        }
        Ok(sent)
    }
}

struct Sent {
    queue: Queue,
    seq: i64,
    message: Message,
}

impl SqliteBus {
    /// The bus with everything that the file holds.
    pub(crate) fn load(
        writer: Arc<Writer>,
        readers: Arc<Readers>,
        clock: Arc<dyn Clock>,
    ) -> rusqlite::Result<Self> {
        let queues = Queues {
            lines: Default::default(),
            next_seq: AtomicI64::new(1),
            hasher: RandomState::new(),
        };
        readers.with(|connection| {
            let mut statement = connection
                .prepare("SELECT seq, queue, receive_count, grp FROM message ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (seq, queue) = (row.get(0)?, statements::queue(row, 1)?);
                let group = queues.group(queue, seq, row.get_ref(3)?.as_str()?);
                queues.line(queue).state.lock().push(seq, group, row.get(2)?, None);
                queues.next_seq.store(seq + 1, Relaxed);
            }
            Ok::<_, rusqlite::Error>(())
        })?;
        Ok(Self { writer, readers, clock, queues: Arc::new(queues) })
    }
}

/// What a receiver finds.
enum Looked<'a> {
    Picked(Delivered<'a>),
    /// Nothing, before this time at least; none: until somebody sends.
    Nothing {
        again: Option<Duration>,
    },
}

impl SqliteBus {
    fn look(&self, queue: Queue, max: usize, now: Duration, visibility: Duration) -> Looked<'_> {
        let (picks, again) = self.queues.update(queue, |state| {
            state.expire(now);
            (state.pick(max, now.saturating_add(visibility)), state.next_deadline())
        });
        if picks.is_empty() {
            return Looked::Nothing { again };
        }
        Looked::Picked(Delivered::new(&self.queues, queue, picks))
    }
}

fn bus_error(error: impl std::error::Error + Send + Sync + 'static) -> BusError {
    BusError(Box::new(error))
}

#[async_trait]
impl Bus for SqliteBus {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let (count, now) = (messages.len(), self.clock.now());
        let (own, after) = (Arc::clone(&self.queues), Arc::clone(&self.queues));
        let published = self
            .writer
            .call_then(
                move |tx| own.publish(tx, topic, &messages, now),
                move |sent| {
                    if let Ok(sent) = sent {
                        after.sent(std::mem::take(sent));
                    }
                },
            )
            .await;
        (0..count)
            .map(|_| published.as_ref().map(drop).map_err(|error| bus_error(error.clone())))
            .collect()
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        let deadline = self.clock.monotonic().saturating_add(wait);
        let line = self.queues.line(queue);
        loop {
            let ready = line.ready.notified();
            tokio::pin!(ready);
            ready.as_mut().enable();
            let now = self.clock.monotonic();
            match self.look(queue, max, now, visibility) {
                Looked::Picked(delivered) => {
                    let deliveries = delivered.count(&self.writer, &self.readers).await?;
                    if !deliveries.is_empty() {
                        return Ok(deliveries);
                    }
                }
                Looked::Nothing { .. } if now >= deadline => return Ok(Vec::new()),
                Looked::Nothing { again } => {
                    let again = again.map_or(deadline, |again| again.min(deadline));
                    tokio::select! {
                        () = ready => {}
                        () = self.clock.sleep(again.saturating_sub(now)) => {}
                    }
                }
            }
        }
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        let now = self.clock.monotonic();
        self.queues.update(queue, |state| {
            if let Some((seq, _)) = delivery::holder(state, receipt) {
                state.hold_until(seq, now.saturating_add(visibility));
                state.expire(now);
            }
        });
        // Those who wait may have to look earlier than they thought.
        self.queues.line(queue).ready.notify_one();
        Ok(())
    }

    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError> {
        // In memory at once, so that the group goes on; nothing is answered before the file.
        let removed: Vec<_> = self.queues.update(queue, |state| {
            let held = |receipt: &Receipt| {
                let (seq, _) = delivery::holder(state, receipt)?;
                state.remove(seq).map(|flight| (seq, flight))
            };
            receipts.iter().filter_map(held).collect()
        });
        if removed.is_empty() {
            return Ok(());
        }
        let seqs: Vec<_> = removed.iter().map(|(seq, _)| *seq).collect();
        let queues = Arc::clone(&self.queues);
        let deleted = self.writer.call_then(
            move |tx| seqs.iter().try_for_each(|seq| tx.bus.delete(*seq)),
            move |deleted| {
                if deleted.is_err() {
                    queues.update(queue, |state| {
                        for (seq, flight) in removed {
                            state.restore(seq, flight);
                        }
                    });
                }
            },
        );
        deleted.await.map_err(bus_error)
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        let Delivery { queue, receipt, .. } = delivery;
        self.bury(*queue, receipt, cause.to_owned(), permanent).await.map_err(bus_error)
    }
}
