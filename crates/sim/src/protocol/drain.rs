//! That every order can still end: from each state, a way to rest without any fault.
//!
//! The way consists of the model's own steps, so each state on it is explored, too, and is
//! checked like any other. What was shown for a state is remembered by its hash.

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Mutex, PoisonError},
};

use lmall_domain::event::Service;

use super::{
    Protocol,
    action::{Action, Step, World},
    state::{Case, Lane, State},
};

/// Steps within which everything has come to rest: a few for each event that an order can have.
const STEPS_MAX: usize = 500;

const SHARDS: usize = 64;

/// The hashes of states from which every order was seen to end.
pub(super) struct Ends([Mutex<HashSet<u64>>; SHARDS]);

impl Ends {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    fn shard(&self, hash: u64) -> &Mutex<HashSet<u64>> {
        let index = usize::try_from(hash % 64).unwrap_or_default();
        &self.0[index]
    }

    fn contains(&self, hash: u64) -> bool {
        self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner).contains(&hash)
    }

    fn insert(&self, hash: u64) {
        self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
    }
}

impl Protocol {
    /// Whether all orders of `state` end once the faults stop and time goes on.
    pub(super) fn can_end(&self, state: &State) -> bool {
        let mut way = vec![hash(state)];
        let mut next = (!self.ends.contains(way[0])).then(|| state.clone());
        while let Some(current) = next {
            if way.len() > STEPS_MAX {
                return false;
            }
            next = match self.drained(&current) {
                Some(after) => {
                    way.push(hash(&after));
                    let known = way.last().is_some_and(|hash| self.ends.contains(*hash));
                    (!known).then_some(after)
                }
                None if at_rest(&current) => None,
                None => return false,
            };
        }
        way.into_iter().for_each(|hash| self.ends.insert(hash));
        true
    }

    /// One step nearer to rest; `None` when none is left.
    fn drained(&self, state: &State) -> Option<State> {
        let cases = || state.cases.iter().enumerate().filter(|(_, case)| case.order.is_some());
        let calm = cases().find_map(|(index, case)| {
            let of_case = |step| self.after(state, Action::of(index, step));
            messages(case).into_iter().find_map(of_case)
        });
        let due = || {
            cases().find_map(|(index, _)| {
                let jobs = [Step::CancelOverdue, Step::Expire];
                jobs.into_iter().find_map(|step| self.after(state, Action::of(index, step)))
            })
        };
        calm.or_else(due).or_else(|| self.after(state, Action::TimePasses))
    }
}

fn at_rest(state: &State) -> bool {
    state.cases.iter().all(|case| case.is_quiet() && case.is_ended())
}

/// What brings `case` nearer to rest, the first that changes something.
fn messages(case: &Case) -> Vec<Step> {
    // What was left behind in an outbox comes first, as it does in every state.
    let mut steps =
        [Service::Order, Service::Inventory, Service::Payment].map(Step::Sweep).to_vec();
    steps.push(Step::Refund(World::Plain));
    steps.extend(Lane::ALL.map(|lane| Step::Deliver(lane, 0, World::Plain)));
    steps.push(Step::Webhook(0));
    // What waits for a webhook that is lost is asked for again.
    let refunds = case.payment.as_ref().map_or(0, |payment| payment.refunds.len());
    steps.extend((0..refunds).map(|index| Step::Chase(index, World::Plain)));
    steps
}

fn hash(state: &State) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(state)
}
