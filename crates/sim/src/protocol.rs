//! The protocol of orders, reservations and payments, explored to the last state.
//!
//! Every state that the protocol can reach within [`Limits`] is visited, by all ways that lead to
//! it, and in each the invariants I1 to I4 are checked. Each decision is made by the domain's own
//! `place` and `decide`; this module only wires them as the use cases do.
//!
//! # What is checked
//!
//! - I1: the ledger's counters add up, none is negative, and they agree with the reservations.
//! - I2: every order can still end. From each state a way without faults is walked: everything
//!   on its way arrives, time passes, the jobs run. It has to come to rest with each order
//!   CONFIRMED or CANCELED. Its steps are the model's own, so what it ends in is checked like any
//!   other state.
//! - I3: at every moment no capture is given back twice or beyond itself, in our rows and in the
//!   provider's books. At rest the provider keeps the total of a CONFIRMED order and nothing of
//!   a CANCELED one, and the order, the payment and the provider agree on it.
//! - I4: at rest a CONFIRMED order has exactly its lines sold, and a CANCELED one holds nothing.
//!
//! At rest is: no message in a queue, no outbox row pending, no webhook or refund open.
//!
//! # What is in the model
//!
//! - One SKU with one unit in one bucket; each order wants one. Two orders want the same one.
//! - Three moments: before `pay_by`, after it, and after the reservation has lapsed. Those that
//!   no deadline tells apart (any more) are one.
//! - Each transaction is a step. Between the steps of a use case its process may die or be slow:
//!   the reservation's intent and its outcome; each event that `order.created` settles; the
//!   refund in the row, the question to the provider, the note of its answer.
//! - A lane for each service that writes to a queue. A lane keeps its order; two lanes of one
//!   queue do not, for either relay may lag. A message that says 'not yet' stays where it is.
//! - The buyer pays less, exactly or more than the total, in its currency or another, or fails
//!   to; the customer cancels; the clock cancels; reservations lapse. All at any time.
//! - The provider takes a refund or says at once that it is done. It does it once for each id,
//!   tells of it late, and again when it is asked again. Open refunds are chased at any time.
//! - The gate may always answer 'sold out', and may always grant what the ledger does not have.
//! - Duplicates: whatever was acknowledged, message or webhook, may come again at any later
//!   time. A repetition that changes nothing costs nothing of the limit, so there may be any
//!   number of those.
//! - Crashes: of the relay, between commit and publishing, at any time and any number: the
//!   outbox rows stay until the sweeper comes. While they wait nothing else is explored, for a
//!   row that waits is a message in a slow lane, which every lane may be. Of a consumer with a
//!   refund in hand: what the provider answered is forgotten. Of a consumer between commit and
//!   acknowledgement: that is a repetition. Of a consumer before its commit: that is no step.
//! - Reorderings: a message overtakes those before it in its lane.
//!
//! # What is not
//!
//! - Several lines, units or buckets, and the gate's own counters, epochs and healing.
//! - The counting of receives and the ladder: a message that fails is tried again for ever.
//! - Conflicts of versions: steps of one row are taken one after another.
//! - A provider that refuses a refund for good, or gives money back on its own: a person decides.
//! - A capture whose webhook never comes: reconciliation finds it. A capture and its webhook are
//!   one step, as nothing sees money before its webhook.
//! - A repeated refund message asks the provider again for what is open. So does the chase, and
//!   only that is explored.
//! - Clocks that disagree. The checker tells states apart by a hash of 64 bits.

mod action;
mod drain;
mod flaw;
mod inventory;
mod orders;
mod payments;
mod property;
mod provider;
mod setup;
mod state;
mod turn;

#[cfg(test)]
mod tests;

use std::{fmt::Write, thread, time::Duration};

use lmall_domain::stock::Bucket;
use stateright::{Checker, HasDiscoveries, Model, Path, Property};

pub use flaw::Flaw;

use action::Action;
use drain::Ends;
use setup::Setup;
use state::{Case, Left, Moment, State};

/// How much may happen in a run, and how much may go wrong in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Orders that compete for the last unit: 1 or 2.
    pub orders: usize,
    /// Messages or webhooks that take effect, if they can, a second time.
    pub duplicates: u8,
    /// Consumers that die at a bad moment. The relay may always die, unless this is 0.
    pub crashes: u8,
    /// Messages that overtake others of their lane.
    pub reorderings: u8,
    /// Webhooks of refunds that never come.
    pub lost_webhooks: u8,
    /// Captures of an order, in the currency of its total.
    pub captures: u8,
    /// Whether a capture may also be half of the total.
    pub halves: bool,
    /// Whether a capture may also be more than the total.
    pub excess: bool,
    /// Captures of an order in another currency.
    pub foreign_captures: u8,
    /// Payments of an order that fail.
    pub failures: u8,
    /// Whether customers cancel.
    pub cancellations: bool,
}

impl Limits {
    /// All explorations, by name: together they have everything that the model knows, each kept
    /// to a few million states.
    #[must_use]
    pub fn runs() -> [(&'static str, Self); 5] {
        [
            ("faults", Self::default()),
            ("amounts", Self::amounts()),
            ("part payments", Self::part_payments()),
            ("odd money", Self::odd_money()),
            ("two orders", Self::two_orders()),
        ]
    }

    /// One order, one exact payment, one of each fault: few states, for a test of every build.
    #[must_use]
    pub fn small() -> Self {
        Self { captures: 1, ..Self::default() }
    }

    /// One order, one payment of any amount, one of each fault.
    #[must_use]
    pub fn amounts() -> Self {
        Self { halves: true, excess: true, ..Self::small() }
    }

    /// One order, two payments of the whole or the half; repeated, and nothing else.
    #[must_use]
    pub fn part_payments() -> Self {
        Self { halves: true, crashes: 0, reorderings: 0, ..Self::default() }
    }

    /// One order, and payments that fail or come in another currency, and refunds that are never
    /// told of; repeated, and nothing else.
    #[must_use]
    pub fn odd_money() -> Self {
        let calm = Self { crashes: 0, reorderings: 0, ..Self::small() };
        Self { lost_webhooks: 1, foreign_captures: 1, failures: 1, ..calm }
    }

    /// Two orders, each paid once, want the last unit; repeated, and nothing else.
    #[must_use]
    pub fn two_orders() -> Self {
        let calm = Self { crashes: 0, reorderings: 0, ..Self::small() };
        Self { orders: 2, cancellations: false, ..calm }
    }
}

impl Default for Limits {
    /// One order, two payments of its total, one of each fault.
    fn default() -> Self {
        Self {
            orders: 1,
            duplicates: 1,
            crashes: 1,
            reorderings: 1,
            lost_webhooks: 0,
            captures: 2,
            halves: false,
            excess: false,
            foreign_captures: 0,
            failures: 0,
            cancellations: true,
        }
    }
}

/// What an exploration found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// States generated, those met again included.
    pub states: usize,
    /// Different states.
    pub unique_states: usize,
    /// The longest of the shortest ways to a state, in steps.
    pub max_depth: usize,
    /// Each property, and whether it holds in all states.
    pub properties: Vec<(&'static str, bool)>,
    /// The way to a state in which a property does not hold, step by step. With one such state
    /// found, the exploration ends; with one thread, no way to such a state is shorter.
    pub counterexample: Option<String>,
}

/// Explores every state within `limits`, on `threads` threads. `progress` is told, about once a
/// second, how many states were generated.
#[must_use]
pub fn check(limits: Limits, threads: usize, progress: impl Fn(usize)) -> Checked {
    explore(Protocol::new(limits, None), threads, progress)
}

/// Like [`check`], with a mistake in the wiring: a property has to fail.
#[must_use]
pub fn check_flawed(limits: Limits, flaw: Flaw, threads: usize) -> Checked {
    explore(Protocol::new(limits, Some(flaw)), threads, |_| {})
}

fn explore(protocol: Protocol, threads: usize, progress: impl Fn(usize)) -> Checked {
    let mut checker =
        protocol.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    let workers = checker.handles();
    let mut ticks = 0_u32;
    while !workers.iter().all(thread::JoinHandle::is_finished) {
        thread::sleep(Duration::from_millis(10));
        ticks += 1;
        if ticks.is_multiple_of(100) {
            progress(checker.state_count());
        }
    }
    for worker in workers {
        worker.join().expect("a decision panicked");
    }
    let mut found = checker.discoveries();
    let names = property::all().into_iter().map(|property| property.name);
    let properties: Vec<_> = names.map(|name| (name, !found.contains_key(name))).collect();
    let broken = properties.iter().find(|(_, holds)| !holds).map(|(name, _)| *name);
    Checked {
        states: checker.state_count(),
        unique_states: checker.unique_state_count(),
        max_depth: checker.max_depth(),
        counterexample: broken.and_then(|name| Some(told(name, found.remove(name)?))),
        properties,
    }
}

/// A way to a state in words.
fn told(property: &str, path: Path<State, Action>) -> String {
    let mut text = format!("not in every state: {property}\n");
    for (number, (state, action)) in (1..).zip(path.into_vec()) {
        let step = action.map_or_else(|| "here it fails".to_owned(), |action| action.to_string());
        let line = writeln!(text, "{state}{number:>3}. {step}");
        line.expect("a String takes all text");
    }
    text
}

/// The model.
struct Protocol {
    limits: Limits,
    flaw: Option<Flaw>,
    setup: Setup,
    ends: Ends,
}

impl Protocol {
    fn new(limits: Limits, flaw: Option<Flaw>) -> Self {
        let (setup, ends) = (Setup::new(), Ends::new());
        Self { limits, flaw, setup, ends }
    }

    fn is_foreign(&self, money: lmall_domain::Money) -> bool {
        money.currency == self.setup.foreign
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let Limits { orders, duplicates, crashes, reorderings, lost_webhooks, .. } = self.limits;
        vec![State {
            moment: Moment::BeforePayBy,
            bucket: Bucket { available: 1, received: 1, ..Bucket::default() },
            cases: vec![Case::default(); orders],
            left: Left { duplicates, crashes, reorderings, lost_webhooks },
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.after(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}
