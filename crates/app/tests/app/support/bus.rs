//! The bus port in memory: FIFO groups, visibility time-outs, receive counts, dead letters.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    ports::{Bus, BusError, Delivery, Message, Receipt},
    topology::{Queue, subscribers},
};
use lmall_domain::event::Topic;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};

use super::Away;

/// What was asked of the bus that a test may want to know, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Extended(Arc<str>, Duration),
    Deleted(Arc<str>),
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) dedup_id: Arc<str>,
    pub(crate) cause: String,
    pub(crate) permanent: bool,
    pub(crate) receive_count: u32,
}

struct Waiting {
    queue: Queue,
    message: Message,
    visible_at: Instant,
    receive_count: u32,
    receipt: Option<Receipt>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    receipts: u64,
    published: Vec<Message>,
    /// Whether each entry published fails, in turn; none that is left works.
    publish_fails: VecDeque<bool>,
    receives_fail: usize,
    deletes_fail: usize,
    calls: Vec<(Duration, Call)>,
    dead: Vec<Dead>,
}

pub(crate) struct MemBus {
    start: Instant,
    state: Mutex<State>,
    arrived: Notify,
}

impl MemBus {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), state: Mutex::default(), arrived: Notify::new() }
    }

    pub(crate) fn fail_publishes(&self, fails: impl IntoIterator<Item = bool>) {
        self.state.lock().publish_fails.extend(fails);
    }

    pub(crate) fn fail_receives(&self, count: usize) {
        self.state.lock().receives_fail = count;
    }

    pub(crate) fn fail_deletes(&self, count: usize) {
        self.state.lock().deletes_fail = count;
    }

    /// What was published and not refused, in order.
    pub(crate) fn published(&self) -> Vec<Message> {
        self.state.lock().published.clone()
    }

    pub(crate) fn calls(&self) -> Vec<(Duration, Call)> {
        self.state.lock().calls.clone()
    }

    pub(crate) fn dead(&self) -> Vec<Dead> {
        self.state.lock().dead.clone()
    }

    /// The messages of a queue: their deduplication ids, receive counts, and whether they can be
    /// received now.
    pub(crate) fn waiting(&self, queue: Queue) -> Vec<(Arc<str>, u32, bool)> {
        let now = Instant::now();
        let state = self.state.lock();
        let of_queue = state.waiting.iter().filter(|waiting| waiting.queue == queue);
        of_queue
            .map(|waiting| {
                let id = Arc::clone(&waiting.message.dedup_id);
                (id, waiting.receive_count, waiting.visible_at <= now)
            })
            .collect()
    }

    /// Puts a message into a queue.
    pub(crate) fn send(&self, queue: Queue, message: Message) {
        let visible_at = Instant::now();
        let waiting = Waiting { queue, message, visible_at, receive_count: 0, receipt: None };
        self.state.lock().waiting.push(waiting);
        self.arrived.notify_waiters();
    }

    fn take(&self, queue: Queue, max: usize, visibility: Duration) -> Vec<Delivery> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let State { waiting, receipts, .. } = &mut *state;
        let of_queue = waiting.iter_mut().filter(|waiting| waiting.queue == queue);
        let mut held = HashSet::new();
        let mut taken = Vec::new();
        for waiting in of_queue {
            let group = Arc::clone(&waiting.message.group);
            if waiting.visible_at > now || (queue.is_fifo() && held.contains(&group)) {
                held.insert(group);
                continue;
            }
            if taken.len() == max {
                break;
            }
            *receipts += 1;
            let receipt = Receipt(receipts.to_string());
            waiting.receipt = Some(receipt.clone());
            waiting.receive_count += 1;
            waiting.visible_at = now + visibility;
            let (message, receive_count) = (waiting.message.clone(), waiting.receive_count);
            taken.push(Delivery { queue, receipt, receive_count, message });
        }
        taken
    }

    fn next_visible(&self, queue: Queue) -> Option<Instant> {
        let now = Instant::now();
        let state = self.state.lock();
        let of_queue = state.waiting.iter().filter(|waiting| waiting.queue == queue);
        of_queue.map(|waiting| waiting.visible_at).filter(|at| *at > now).min()
    }

    /// Where the holder of the receipt still holds its message.
    fn held(state: &State, queue: Queue, receipt: &Receipt) -> Option<usize> {
        let now = Instant::now();
        state.waiting.iter().position(|waiting| {
            waiting.queue == queue
                && waiting.receipt.as_ref() == Some(receipt)
                && waiting.visible_at > now
        })
    }
}

#[async_trait]
impl Bus for MemBus {
    async fn publish(&self, topic: Topic, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let publish = |message: Message| {
            if self.state.lock().publish_fails.pop_front() == Some(true) {
                return Err(BusError(Away.into()));
            }
            for queue in subscribers(topic, &message.event_type) {
                self.send(queue, message.clone());
            }
            self.state.lock().published.push(message);
            Ok(())
        };
        messages.into_iter().map(publish).collect()
    }

    async fn receive(
        &self,
        queue: Queue,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        {
            let mut state = self.state.lock();
            if state.receives_fail > 0 {
                state.receives_fail -= 1;
                return Err(BusError(Away.into()));
            }
        }
        let deadline = Instant::now() + wait;
        loop {
            let arrived = self.arrived.notified();
            let taken = self.take(queue, max, visibility);
            if !taken.is_empty() || Instant::now() >= deadline {
                return Ok(taken);
            }
            let until = self.next_visible(queue).map_or(deadline, |at| at.min(deadline));
            tokio::select! {
                () = sleep_until(until) => {}
                _ = timeout_at(deadline, arrived) => {}
            }
        }
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        let mut state = self.state.lock();
        if let Some(index) = Self::held(&state, queue, receipt) {
            state.waiting[index].visible_at = Instant::now() + visibility;
            let id = Arc::clone(&state.waiting[index].message.dedup_id);
            state.calls.push((self.start.elapsed(), Call::Extended(id, visibility)));
        }
        drop(state);
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn delete(&self, queue: Queue, receipts: Vec<Receipt>) -> Result<(), BusError> {
        let mut state = self.state.lock();
        if state.deletes_fail > 0 {
            state.deletes_fail -= 1;
            return Err(BusError(Away.into()));
        }
        for receipt in receipts {
            if let Some(index) = Self::held(&state, queue, &receipt) {
                let deleted = state.waiting.remove(index).message.dedup_id;
                state.calls.push((self.start.elapsed(), Call::Deleted(deleted)));
            }
        }
        drop(state);
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        let mut state = self.state.lock();
        if let Some(index) = Self::held(&state, delivery.queue, &delivery.receipt) {
            let Waiting { message, receive_count, .. } = state.waiting.remove(index);
            let (dedup_id, cause) = (message.dedup_id, cause.to_owned());
            state.dead.push(Dead { dedup_id, cause, permanent, receive_count });
        }
        drop(state);
        self.arrived.notify_waiters();
        Ok(())
    }
}
