//! The one bus of a seed: what all processes share, and what auditors may read.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    ports::{DeadLetter, DeadLetterFilter, Message, QueueDepth},
    topology::Queue,
};
use parking_lot::{Mutex, MutexGuard};

use super::{BusObserver, state::State};
use crate::{
    aws::sqs::Letter,
    kernel::{Fault, Kernel, START},
};

/// How a bus is set up.
#[derive(Clone, Default)]
pub struct BusOptions {
    /// Who watches.
    pub observer: Option<Arc<dyn BusObserver>>,
    /// Whether messages to the standard queue are kept: somebody has to receive them. Else they
    /// are counted and dropped.
    pub keeps_standard: bool,
}

/// The topics, the queues and their dead-letter queues, which processes reach by a port each.
pub struct SharedBus {
    kernel: Kernel,
    state: Mutex<State>,
}

impl SharedBus {
    /// A bus on which nothing has happened.
    #[must_use]
    pub fn new(kernel: &Kernel, options: BusOptions) -> Self {
        let BusOptions { observer, keeps_standard } = options;
        let state = State::new(kernel.clone(), observer, keeps_standard);
        Self { kernel: kernel.clone(), state: Mutex::new(state) }
    }

    /// Takes what is laid by to be sent again long after: [`Fault::After25Hours`] or
    /// [`Fault::After15Days`].
    #[must_use]
    pub fn take_laid_by(&self, fault: Fault) -> Vec<(Queue, Message)> {
        let laid_by = &mut self.state.lock().laid_by;
        let taken = laid_by.extract_if(.., |(due, ..)| *due == fault);
        taken.map(|(_, queue, message)| (queue, message)).collect()
    }

    /// Sends a copy to the queue, now. It has a deduplication id of its own.
    pub fn resend(&self, queue: Queue, message: &Message) {
        let now = self.kernel.elapsed();
        self.state.lock().copy(queue, now, message);
    }

    /// How much is in each queue; what is under way to it counts as visible.
    #[must_use]
    pub fn depths(&self) -> Vec<QueueDepth> {
        let mut state = self.state.lock();
        state.catch_up_dead();
        Queue::ALL.into_iter().map(|queue| depth(&mut state, queue)).collect()
    }

    /// Everything that is in a queue, held or not, or under way to it.
    #[must_use]
    pub fn waiting(&self) -> Vec<(Queue, Message)> {
        let mut state = self.state.lock();
        for queue in Queue::ALL {
            state.catch_up(queue);
        }
        let of = |line: &super::line::Line| {
            let stored = line.model.stored().map(|stored| &stored.message);
            let all = stored.chain(line.under_way());
            all.map(|message| (line.queue, message.clone())).collect::<Vec<_>>()
        };
        state.lines().iter().flat_map(of).collect()
    }

    /// All dead letters, parked ones too, in the order in which they died.
    #[must_use]
    pub fn letters(&self) -> Vec<DeadLetter> {
        self.list(&DeadLetterFilter::default(), usize::MAX)
    }

    /// Messages that reached a process.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.state.lock().deliveries
    }

    /// Messages to the standard queue that were dropped.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.state.lock().discarded
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn list(&self, filter: &DeadLetterFilter, limit: usize) -> Vec<DeadLetter> {
        let after = match filter.after.as_deref().map(id_number) {
            None => None,
            Some(Some(id)) => Some(id),
            Some(None) => return Vec::new(),
        };
        let mut state = self.state.lock();
        state.catch_up_dead();
        let letters = state.dead.after(after).filter(|(_, letter)| lets_through(filter, letter));
        letters.take(limit).map(|(id, letter)| dead_letter(id, letter)).collect()
    }
}

fn depth(state: &mut State, queue: Queue) -> QueueDepth {
    let now = state.catch_up(queue);
    let (visible, in_flight) = state.line(queue).depth(now);
    let (dead, parked) = state.dead.depth(queue);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    QueueDepth { queue, visible: count(visible), in_flight: count(in_flight), dead, parked }
}

fn lets_through(filter: &DeadLetterFilter, letter: &Letter) -> bool {
    let message = &letter.death.message;
    filter.queue.is_none_or(|queue| letter.death.queue == queue)
        && filter.event_type.as_ref().is_none_or(|kind| **kind == *message.event_type)
        && filter.group.as_ref().is_none_or(|group| **group == *message.group)
}

fn dead_letter(id: u64, letter: &Letter) -> DeadLetter {
    let at = |elapsed: Duration| START.after(elapsed);
    DeadLetter {
        id: format!("{id:019}"),
        queue: letter.death.queue,
        message: letter.death.message.clone(),
        cause: letter.death.cause.as_ref().to_owned(),
        receive_count: letter.death.receive_count,
        permanent: letter.death.permanent,
        dead_at: at(letter.died_at),
        parked_at: letter.parked_at.map(at),
    }
}

/// The number of a dead letter's id.
pub(super) fn id_number(id: &str) -> Option<u64> {
    id.parse().ok()
}
