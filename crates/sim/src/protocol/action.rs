//! What can happen next.

use std::fmt;

use lmall_domain::event::Service;

use super::{
    Protocol,
    state::{Case, Lane, Moment, State},
};

/// What a buyer's payment comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paid {
    Less,
    Exact,
    More,
    Foreign,
    Failed,
}

/// What the world answers when a step asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// The gate says what the ledger says; the provider takes a refund and does it later.
    Plain,
    /// The gate says that there is nothing left: it may always say so.
    GateSoldOut,
    /// The gate grants what the ledger does not have.
    GateWrong,
    /// The provider answers that the refund is done.
    RefundDone,
    /// The process dies when the refund is durable and nobody was asked for it.
    DiesBeforeAsking,
}

/// A step of one process, or of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Place,
    CustomerCancels,
    Pay(Paid),
    /// The head of a lane, or one behind it, is received.
    Deliver(Lane, usize, World),
    /// What was acknowledged comes again.
    Redeliver(Lane, usize, World),
    /// The refund in hand goes on: ask for the next part, write an answer down, or finish.
    Refund(World),
    /// The process that has a refund in hand dies.
    Die,
    /// The process that has received the head of a lane dies before it commits.
    DieBeforeCommit(Lane),
    Webhook(usize),
    /// What was taken comes again.
    WebhookAgain(usize),
    /// The provider gives up on telling.
    WebhookLost(usize),
    Chase(usize, World),
    CancelOverdue,
    Expire,
    Sweep(Service),
}

/// A step, of which case, and whether the relay dies before it publishes what the step wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    TimePasses,
    Of { case: usize, step: Step, relay_dies: bool },
}

impl Action {
    /// A step without a fault of the relay.
    pub(super) const fn of(case: usize, step: Step) -> Self {
        Self::Of { case, step, relay_dies: false }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimePasses => f.write_str("time passes"),
            Self::Of { case, step, relay_dies } => {
                let fault =
                    if *relay_dies { ", and the relay dies before it publishes" } else { "" };
                write!(f, "order {}: {step:?}{fault}", case + 1)
            }
        }
    }
}

impl Protocol {
    /// Everything that may happen in `state`, faults included. Some of it changes nothing.
    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let any_placed = state.cases.iter().any(|case| case.order.is_some());
        if let Some(case) = state.cases.iter().position(Case::is_left_behind) {
            let services = [Service::Order, Service::Inventory, Service::Payment];
            actions.extend(services.map(|service| Action::of(case, Step::Sweep(service))));
            return;
        }
        if any_placed && state.later().is_some() {
            actions.push(Action::TimePasses);
        }
        for (case, of) in state.cases.iter().enumerate() {
            let mut steps = Vec::new();
            if of.order.is_none() {
                // Orders are alike until they are placed: the first one is placed first.
                let turn = state.cases[..case].iter().all(|before| before.order.is_some());
                if turn && state.moment == Moment::BeforePayBy {
                    steps.push(Step::Place);
                }
            } else {
                self.of_the_world(state, of, &mut steps);
                self.of_consumers(state, of, &mut steps);
                of_jobs(of, &mut steps);
                self.repetitions(state, of, &mut steps);
            }
            for step in steps {
                actions.push(Action::of(case, step));
                if self.limits.crashes > 0 && writes(step) {
                    actions.push(Action::Of { case, step, relay_dies: true });
                }
            }
        }
    }

    fn of_the_world(&self, state: &State, case: &Case, steps: &mut Vec<Step>) {
        let limits = &self.limits;
        if limits.cancellations {
            steps.push(Step::CustomerCancels);
        }
        let foreign = case.books.captures.iter().filter(|(_, money)| self.is_foreign(*money));
        let foreign = foreign.count();
        if case.books.captures.len() - foreign < usize::from(limits.captures) {
            steps.push(Step::Pay(Paid::Exact));
            if limits.halves {
                steps.push(Step::Pay(Paid::Less));
            }
            if limits.excess {
                steps.push(Step::Pay(Paid::More));
            }
        }
        if foreign < usize::from(limits.foreign_captures) {
            steps.push(Step::Pay(Paid::Foreign));
        }
        if case.books.failures < limits.failures {
            steps.push(Step::Pay(Paid::Failed));
        }
        for index in 0..case.books.webhooks.len() {
            steps.push(Step::Webhook(index));
            if state.left.lost_webhooks > 0 {
                steps.push(Step::WebhookLost(index));
            }
        }
    }

    fn of_consumers(&self, state: &State, case: &Case, steps: &mut Vec<Step>) {
        for lane in Lane::ALL {
            let busy = lane == Lane::PaymentFromOrder && case.work.is_some();
            let reach = if state.left.reorderings > 0 { usize::MAX } else { 1 };
            let waiting = if busy { 0 } else { case.lane(lane).waiting.len().min(reach) };
            for position in 0..waiting {
                let answers = answers(lane);
                steps.extend(answers.iter().map(|world| Step::Deliver(lane, position, *world)));
            }
            if waiting > 0 && state.left.crashes > 0 {
                steps.push(Step::DieBeforeCommit(lane));
            }
        }
        if case.work.is_some() {
            steps.extend([Step::Refund(World::Plain), Step::Refund(World::RefundDone)]);
            if state.left.crashes > 0 {
                steps.push(Step::Die);
            }
        }
    }

    fn repetitions(&self, state: &State, case: &Case, steps: &mut Vec<Step>) {
        if state.left.duplicates == 0 && state.left.crashes == 0 {
            return;
        }
        for lane in Lane::ALL {
            let busy = lane == Lane::PaymentFromOrder && case.work.is_some();
            let acknowledged = if busy { 0 } else { case.lane(lane).acknowledged.len() };
            for index in 0..acknowledged {
                let answers = answers(lane);
                steps.extend(answers.iter().map(|world| Step::Redeliver(lane, index, *world)));
            }
        }
        let taken = case.payment.as_ref().map_or(0, |payment| payment.movements.len());
        steps.extend((0..taken).map(Step::WebhookAgain));
    }
}

/// What the world may answer to the consumer of a lane.
const fn answers(lane: Lane) -> &'static [World] {
    match lane {
        Lane::OrderFromInventory | Lane::OrderFromPayment => &[World::Plain],
        Lane::PaymentFromOrder => &[World::Plain, World::RefundDone, World::DiesBeforeAsking],
        Lane::InventoryFromOrder => &[World::Plain, World::GateSoldOut, World::GateWrong],
    }
}

fn of_jobs(case: &Case, steps: &mut Vec<Step>) {
    steps.extend([Step::CancelOverdue, Step::Expire]);
    let refunds = case.payment.as_ref().map_or(0, |payment| payment.refunds.len());
    for index in 0..refunds {
        steps.push(Step::Chase(index, World::Plain));
        steps.push(Step::Chase(index, World::RefundDone));
    }
}

/// Whether a step may write an event.
const fn writes(step: Step) -> bool {
    match step {
        Step::Place
        | Step::CustomerCancels
        | Step::Pay(_)
        | Step::Deliver(..)
        | Step::Refund(_)
        | Step::Webhook(_)
        | Step::Chase(..)
        | Step::CancelOverdue
        | Step::Expire => true,
        Step::Redeliver(..)
        | Step::Die
        | Step::DieBeforeCommit(_)
        | Step::WebhookAgain(_)
        | Step::WebhookLost(_)
        | Step::Sweep(_) => false,
    }
}
