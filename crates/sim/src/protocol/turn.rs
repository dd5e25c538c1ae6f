//! One step carried out: who does what, and what it costs of the faults that are left.

use std::sync::Arc;

use lmall_app::topology::subscribers;
use lmall_domain::{Timestamp, event::Event};

use super::{
    Flaw, Protocol, Setup,
    action::{Action, Step, World},
    state::{Case, Lane, Message, State, outbox},
};

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handled {
    /// It is done, and is acknowledged.
    Yes,
    /// It is done; its dedupe row was there before, and refused the transaction.
    Before,
    /// A transaction of several was committed. Its consumer may die here: the message stays.
    Partly,
    /// Not yet: it stays as it is.
    Later,
}

/// A state on its way to the next one.
pub(super) struct Turn<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) state: State,
    pub(super) case: usize,
    /// What the world answers, if it is asked.
    pub(super) world: World,
    /// Whether it was asked.
    pub(super) asked: bool,
    relay_dies: bool,
    wrote: bool,
}

impl Protocol {
    /// The state after `action`; `None` when it is not possible or changes nothing but what may
    /// still go wrong, which only takes possibilities away.
    pub(super) fn after(&self, before: &State, action: Action) -> Option<State> {
        let (case, step, relay_dies) = match action {
            Action::TimePasses => {
                let mut next = before.clone();
                next.moment = before.later()?;
                return Some(next);
            }
            Action::Of { case, step, relay_dies } => (case, step, relay_dies),
        };
        let (state, world) = (before.clone(), World::Plain);
        let mut turn =
            Turn { protocol: self, state, case, world, asked: false, relay_dies, wrote: false };
        turn.take(step)?;
        let unheard = turn.world != World::Plain && !turn.asked;
        if unheard || (relay_dies && !turn.wrote) {
            return None;
        }
        let mut next = turn.state;
        next.forget_time();
        if next == *before {
            return None;
        }
        pay_for(&mut next, step)?;
        Some(next)
    }
}

/// Takes a step's faults from those that are left.
fn pay_for(state: &mut State, step: Step) -> Option<()> {
    let left = &mut state.left;
    match step {
        Step::Deliver(_, position, world) => {
            if position > 0 {
                left.reorderings = left.reorderings.checked_sub(1)?;
            }
            if world == World::DiesBeforeAsking {
                left.crashes = left.crashes.checked_sub(1)?;
            }
        }
        // A crash between the commit and the acknowledgement repeats a message, too.
        Step::Redeliver(..) | Step::WebhookAgain(_) => match left.duplicates.checked_sub(1) {
            Some(less) => left.duplicates = less,
            None => left.crashes = left.crashes.checked_sub(1)?,
        },
        Step::Die | Step::DieBeforeCommit(_) => left.crashes = left.crashes.checked_sub(1)?,
        Step::WebhookLost(_) => left.lost_webhooks = left.lost_webhooks.checked_sub(1)?,
        Step::Place
        | Step::CustomerCancels
        | Step::Pay(_)
        | Step::Refund(_)
        | Step::Webhook(_)
        | Step::Chase(..)
        | Step::CancelOverdue
        | Step::Expire
        | Step::Sweep(_) => {}
    }
    Some(())
}

impl Turn<'_> {
    pub(super) fn case(&self) -> &Case {
        &self.state.cases[self.case]
    }

    pub(super) fn case_mut(&mut self) -> &mut Case {
        &mut self.state.cases[self.case]
    }

    pub(super) fn now(&self) -> Timestamp {
        Setup::time(self.state.moment)
    }

    /// The world's answer, noted as given.
    pub(super) const fn ask(&mut self) -> World {
        self.asked = true;
        self.world
    }

    fn take(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Place => self.place(),
            Step::CustomerCancels => self.customer_cancels(),
            Step::Pay(paid) => self.pay(paid),
            Step::Deliver(lane, position, world) => {
                self.world = world;
                let message = self.case().lane(lane).waiting.get(position)?.clone();
                self.receive(lane, &message)
            }
            Step::Redeliver(lane, index, world) => {
                self.world = world;
                let message = self.case().lane(lane).acknowledged.get(index)?.clone();
                self.receive(lane, &message)
            }
            Step::Refund(world) => {
                self.world = world;
                self.go_on_refunding()
            }
            Step::Die => self.case_mut().work.take().map(|_| ()),
            Step::DieBeforeCommit(lane) => self.die_before_commit(lane),
            Step::Webhook(index) => self.webhook(index),
            Step::WebhookAgain(index) => self.webhook_again(index),
            Step::WebhookLost(index) => self.webhook_lost(index).map(|_| ()),
            Step::Chase(index, world) => {
                self.world = world;
                self.chase(index)
            }
            Step::CancelOverdue => self.cancel_overdue(),
            Step::Expire => self.expire(),
            Step::Sweep(service) => {
                if self.protocol.flaw == Some(Flaw::NoSweeper) {
                    return None;
                }
                let rows = std::mem::take(&mut self.case_mut().pending[outbox(service)]);
                rows.into_iter().for_each(|row| self.publish(row));
                Some(())
            }
        }
    }

    fn receive(&mut self, lane: Lane, message: &Message) -> Option<()> {
        let handled = match lane {
            Lane::OrderFromInventory | Lane::OrderFromPayment => self.order_hears(lane, message),
            Lane::InventoryFromOrder => self.inventory_hears(message),
            Lane::PaymentFromOrder => self.payment_hears(message),
        };
        match handled {
            Handled::Yes => self.acknowledge(lane, message.seq),
            Handled::Partly => {}
            // What is decided for a repetition is refused, and it was acknowledged before.
            Handled::Before | Handled::Later => return None,
        }
        Some(())
    }

    /// Whether the consumer has a dedupe row of the message.
    pub(super) fn has_handled(&self, lane: Lane, seq: u32) -> bool {
        self.case().lane(lane).handled.contains(&seq)
    }

    /// Writes the dedupe row, in the transaction of the effect.
    pub(super) fn note_handled(&mut self, lane: Lane, seq: u32) -> Handled {
        if self.has_handled(lane, seq) {
            return Handled::Before;
        }
        if self.protocol.flaw != Some(Flaw::NoDedupeRow) {
            let handled = &mut self.case_mut().lane_mut(lane).handled;
            handled.push(seq);
            handled.sort_unstable();
        }
        Handled::Yes
    }

    pub(super) fn acknowledge(&mut self, lane: Lane, seq: u32) {
        let traffic = self.case_mut().lane_mut(lane);
        if let Some(position) = traffic.waiting.iter().position(|message| message.seq == seq) {
            let message = traffic.waiting.remove(position);
            traffic.acknowledged.push(message);
            traffic.acknowledged.sort_unstable_by_key(|message| message.seq);
        }
    }

    /// The message stays and comes again: nothing happened, if it was not acknowledged too soon.
    fn die_before_commit(&mut self, lane: Lane) -> Option<()> {
        if self.protocol.flaw != Some(Flaw::AckBeforeCommit) {
            return None;
        }
        let seq = self.case().lane(lane).waiting.first()?.seq;
        self.acknowledge(lane, seq);
        Some(())
    }

    /// The outbox row of an event, in the transaction of the effect; then the relay's turn.
    pub(super) fn write(&mut self, seq: u32, event: Event) {
        self.wrote = true;
        let source = event.event_type().service();
        let message = Message { seq, event: Arc::new(event) };
        let dies = self.relay_dies;
        let pending = &mut self.case_mut().pending[outbox(source)];
        if dies || !pending.is_empty() {
            pending.push(message);
        } else {
            self.publish(message);
        }
    }

    fn publish(&mut self, message: Message) {
        let kind = message.event.event_type();
        for queue in subscribers(kind.topic(), kind.name()) {
            if let Some(lane) = Lane::of(queue, kind.service()) {
                self.case_mut().lane_mut(lane).waiting.push(message.clone());
            }
        }
    }
}
