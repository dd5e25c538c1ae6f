//! What the bus knows, and what it does in one step.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lmall_app::{ports::Message, topology::Queue};
use lmall_domain::event::Topic;
use rand::RngExt;

use super::{
    BusObserver,
    line::{Line, Way},
};
use crate::{
    aws::{
        sns::FifoTopic,
        sqs::{DeadLetterQueues, Death, Handle, Letter, Refusal, Stored, Taken},
    },
    kernel::{Fault, Kernel, WORLD},
};

/// Copies that a duplicated message has besides itself, and the time within which they come.
const COPIES_MAX: u32 = 10;
const COPIES_WITHIN: Duration = Duration::from_secs(60);

/// A topic hands a message on within this time; one in sixteen takes longer.
const RELAY_MS: u64 = 30;
const SLOW_RELAY_MS: u64 = 2_000;

/// What is between two hops of a call: it takes no time, and nothing else happens meanwhile.
pub(super) struct State {
    pub(super) kernel: Kernel,
    pub(super) observer: Option<Arc<dyn BusObserver>>,
    pub(super) keeps_standard: bool,
    pub(super) dead: DeadLetterQueues,
    pub(super) laid_by: Vec<(Fault, Queue, Message)>,
    pub(super) deliveries: u64,
    pub(super) discarded: u64,
    topics: [FifoTopic; Topic::ALL.len()],
    lines: [Line; Queue::ALL.len()],
    seen: BTreeSet<(Queue, Arc<str>)>,
    copies: u64,
}

impl State {
    pub(super) fn new(
        kernel: Kernel,
        observer: Option<Arc<dyn BusObserver>>,
        keeps_standard: bool,
    ) -> Self {
        Self {
            kernel,
            observer,
            keeps_standard,
            dead: DeadLetterQueues::default(),
            laid_by: Vec::new(),
            deliveries: 0,
            discarded: 0,
            topics: Topic::ALL.map(FifoTopic::new),
            lines: Queue::ALL.map(Line::new),
            seen: BTreeSet::new(),
            copies: 0,
        }
    }

    pub(super) fn publish(&mut self, topic: Topic, message: &Message) {
        let now = self.kernel.elapsed();
        let topic = match topic {
            Topic::OrderEvents => &mut self.topics[0],
            Topic::PaymentEvents => &mut self.topics[1],
            Topic::ProductEvents => &mut self.topics[2],
            Topic::CustomerEvents => &mut self.topics[3],
        };
        let kernel = &self.kernel;
        let arrivals = topic.publish(now, message, |_| relay_delay(kernel));
        let Some(arrivals) = arrivals else {
            kernel.note(WORLD, || format!("{} is known to its topic", message.dedup_id));
            return;
        };
        for arrival in arrivals {
            if arrival.queue.is_fifo() || self.keeps_standard {
                self.line(arrival.queue).expect(arrival.at, message.clone(), Way::Sent);
            } else {
                self.discarded += 1;
            }
        }
    }

    /// Receives what is there now.
    pub(super) fn receive(&mut self, queue: Queue, max: usize, visibility: Duration) -> Vec<Taken> {
        let (now, kernel) = (self.catch_up(queue), self.kernel.clone());
        let pick = |ready: usize| kernel.draw(|rng| rng.random_range(0..ready));
        let received = self.line(queue).model.receive(now, max, visibility, pick);
        for stored in received.exhausted {
            let cause = format!("received {} times", stored.receive_count).into();
            self.bury(queue, stored, cause, false);
        }
        received.taken
    }

    pub(super) fn change_visibility(
        &mut self,
        queue: Queue,
        handle: Handle,
        visibility: Duration,
    ) -> Result<(), Refusal> {
        let now = self.catch_up(queue);
        let line = self.line(queue);
        line.signal.notify();
        line.model.change_visibility(now, handle, visibility)
    }

    /// The message of a handle that is valid.
    pub(super) fn look(&mut self, queue: Queue, handle: Handle) -> Option<Stored> {
        let now = self.catch_up(queue);
        self.line(queue).model.look(now, handle).cloned()
    }

    /// Removes the message of a handle that is valid.
    pub(super) fn delete(&mut self, queue: Queue, handle: Handle) -> Option<Stored> {
        let now = self.catch_up(queue);
        let line = self.line(queue);
        line.signal.notify();
        line.model.delete(now, handle).ok()
    }

    pub(super) fn bury(&mut self, queue: Queue, stored: Stored, cause: Arc<str>, permanent: bool) {
        let Stored { message, sent_at, receive_count } = stored;
        self.kernel.note(WORLD, || format!("{} is dead: {cause}", message.dedup_id));
        self.observe(|observer| observer.died(queue, &message, &cause));
        let death = Death { queue, message, sent_at, cause, receive_count, permanent };
        let now = self.kernel.elapsed();
        self.dead.bury(now, death);
    }

    /// A letter that is still there.
    pub(super) fn letter(&mut self, id: u64) -> Option<&Letter> {
        self.catch_up_dead();
        self.dead.get(id)
    }

    /// Sends to the queue directly, now.
    pub(super) fn send(&mut self, queue: Queue, message: Message) {
        let now = self.catch_up(queue);
        self.enter(queue, now, message, Way::Sent);
        self.line(queue).signal.notify();
    }

    /// Sends one more copy, at this time.
    pub(super) fn copy(&mut self, queue: Queue, at: Duration, message: &Message) {
        self.copies += 1;
        let dedup_id = format!("{}#copy-{}", message.dedup_id, self.copies).into();
        let message = Message { dedup_id, ..message.clone() };
        self.line(queue).expect(at, message, Way::Copied);
    }

    /// Everything that has happened to the queue by itself until now, which is returned.
    pub(super) fn catch_up(&mut self, queue: Queue) -> Duration {
        let now = self.kernel.elapsed();
        while let Some((at, message, way)) = self.line(queue).arrived(now) {
            self.enter(queue, at, message, way);
        }
        let expired = self.line(queue).model.expire(now);
        if !expired.is_empty() {
            self.line(queue).signal.notify();
        }
        for stored in expired {
            self.lose(queue, &stored.message, "it was in its queue for 14 days");
        }
        now
    }

    /// The same for the dead letters.
    pub(super) fn catch_up_dead(&mut self) -> Duration {
        let now = self.kernel.elapsed();
        for Letter { death, .. } in self.dead.expire(now) {
            self.lose(death.queue, &death.message, "it was in its dead-letter queue for 14 days");
        }
        now
    }

    pub(super) fn line(&mut self, queue: Queue) -> &mut Line {
        &mut self.lines[place(queue)]
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(super) fn observe(&self, tell: impl FnOnce(&dyn BusObserver)) {
        if let Some(observer) = &self.observer {
            tell(&**observer);
        }
    }

    fn enter(&mut self, queue: Queue, at: Duration, message: Message, way: Way) {
        if !self.line(queue).model.send(at, message.clone()) {
            self.kernel
                .note(WORLD, || format!("{} is known to {}", message.dedup_id, queue.name()));
            return;
        }
        let first = self.seen.insert((queue, original(&message.dedup_id)));
        self.observe(|observer| observer.accepted(queue, &message, first));
        match way {
            Way::Sent => self.arrange(queue, at, &message),
            Way::Copied => {}
        }
    }

    /// Draws in which ways the message, which arrived at this time, comes again.
    fn arrange(&mut self, queue: Queue, at: Duration, message: &Message) {
        let kernel = self.kernel.clone();
        if kernel.strikes(Fault::Duplicated) {
            for _ in 0..kernel.draw(|rng| rng.random_range(1..=COPIES_MAX)) {
                let delay = kernel.between(Duration::ZERO, COPIES_WITHIN);
                self.copy(queue, at + delay, message);
            }
        }
        for (fault, minutes) in [(Fault::After6Minutes, 6), (Fault::After11Minutes, 11)] {
            if kernel.strikes(fault) {
                self.copy(queue, at + Duration::from_secs(minutes * 60), message);
            }
        }
        for fault in [Fault::After25Hours, Fault::After15Days] {
            if kernel.strikes(fault) {
                self.laid_by.push((fault, queue, message.clone()));
            }
        }
    }

    fn lose(&self, queue: Queue, message: &Message, why: &'static str) {
        self.kernel.note(WORLD, || format!("{} is lost: {why}", message.dedup_id));
        self.observe(|observer| observer.lost(queue, message, why));
    }
}

const fn place(queue: Queue) -> usize {
    match queue {
        Queue::Order => 0,
        Queue::Inventory => 1,
        Queue::Payment => 2,
        Queue::Analytics => 3,
        Queue::Product => 4,
        Queue::Customer => 5,
    }
}

/// The deduplication id under which the message was published first.
fn original(dedup_id: &Arc<str>) -> Arc<str> {
    dedup_id.split_once('#').map_or_else(|| Arc::clone(dedup_id), |(first, _)| first.into())
}

fn relay_delay(kernel: &Kernel) -> Duration {
    kernel.draw(|rng| {
        let max = if rng.random_range(0..16_u32) == 0 { SLOW_RELAY_MS } else { RELAY_MS };
        Duration::from_millis(rng.random_range(0..=max))
    })
}
