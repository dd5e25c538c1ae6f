use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Push(u64),
    Pick(usize, u64),
    Pass(u64),
    Remove(usize),
    HoldFor(usize, u64),
    Release(usize),
    /// Takes out and puts back, as a transaction that fails does.
    RemoveInVain(usize),
    Suspend(usize, bool),
}

#[derive(Debug, Clone, Copy)]
struct Known {
    group: u64,
    count: u32,
    held_until: Option<u64>,
}

/// Every message, in order, and since when nobody may have it.
#[derive(Default)]
struct Model {
    messages: BTreeMap<i64, Known>,
    now: u64,
    sent: i64,
}

impl Model {
    fn expire(&mut self) {
        for message in self.messages.values_mut() {
            if message.held_until.is_some_and(|until| until <= self.now) {
                message.held_until = None;
            }
        }
    }

    fn held(&self, choice: usize) -> Option<i64> {
        let held: Vec<_> =
            self.messages.iter().filter(|(_, known)| known.held_until.is_some()).collect();
        (!held.is_empty()).then(|| *held[choice % held.len()].0)
    }

    /// Groups of which nothing is held.
    fn free(&self, group: u64) -> bool {
        self.messages.values().all(|known| known.group != group || known.held_until.is_none())
    }

    fn picked(&mut self, picks: &[Pick], max: usize, until: u64) {
        assert!(picks.len() <= max);
        let mut free: Vec<_> = (0..4).filter(|group| self.free(*group)).collect();
        for pick in picks {
            let group = self.messages[&pick.seq].group;
            assert!(free.contains(&group), "its group is blocked");
            let of_group = |known: &Known| known.group == group && known.held_until.is_none();
            let first = self.messages.iter().find(|(_, known)| of_group(known));
            assert_eq!(first.map(|(seq, _)| *seq), Some(pick.seq), "it is not the group's first");
            free.retain(|other| *other != group);
            let known = self.messages.get_mut(&pick.seq).unwrap();
            known.count += 1;
            known.held_until = Some(until);
            assert_eq!(pick.flight.receive_count, known.count);
        }
        let left = self.messages.values().any(|known| {
            known.held_until.is_none() && free.contains(&known.group) && self.free(known.group)
        });
        assert!(picks.len() == max || !left, "there was more to pick");
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..4_u64).prop_map(Op::Push),
        4 => (1..5_usize, 1..20_u64).prop_map(|(max, for_)| Op::Pick(max, for_)),
        1 => (1..15_u64).prop_map(Op::Pass),
        2 => any::<usize>().prop_map(Op::Remove),
        1 => (any::<usize>(), 0..20_u64).prop_map(|(choice, for_)| Op::HoldFor(choice, for_)),
        1 => any::<usize>().prop_map(Op::Release),
        1 => any::<usize>().prop_map(Op::RemoveInVain),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(choice, gone)| Op::Suspend(choice, gone)),
    ]
}

fn run(queue: &mut QueueState, model: &mut Model, op: &Op) {
    let at = Duration::from_millis;
    queue.expire(at(model.now));
    model.expire();
    match *op {
        Op::Push(group) => {
            model.sent += 1;
            queue.push(model.sent, group, 0, None);
            model.messages.insert(model.sent, Known { group, count: 0, held_until: None });
        }
        Op::Pick(max, for_) => {
            let until = model.now + for_;
            let picks = queue.pick(max, at(until));
            model.picked(&picks, max, until);
        }
        Op::Pass(ms) => model.now += ms,
        Op::Remove(choice) => {
            if let Some(seq) = model.held(choice) {
                assert!(queue.remove(seq).is_some());
                model.messages.remove(&seq);
            }
        }
        Op::HoldFor(choice, for_) => {
            if let Some(seq) = model.held(choice) {
                queue.hold_until(seq, at(model.now + for_));
                model.messages.get_mut(&seq).unwrap().held_until = Some(model.now + for_);
            }
        }
        Op::Release(choice) => {
            if let Some(seq) = model.held(choice) {
                queue.release(seq, None);
                model.messages.get_mut(&seq).unwrap().held_until = None;
            }
        }
        Op::RemoveInVain(choice) => {
            if let Some(seq) = model.held(choice) {
                let flight = queue.remove(seq).unwrap();
                queue.restore(seq, flight);
            }
        }
        Op::Suspend(choice, gone) => {
            if let Some(seq) = model.held(choice) {
                let flight = queue.suspend(seq).unwrap();
                if gone {
                    queue.free(flight.group);
                    model.messages.remove(&seq);
                } else {
                    queue.resume(seq, flight);
                }
            }
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

proptest! {
    #[test]
    fn whatever_happens_groups_stay_in_order(ops in prop::collection::vec(op(), 1..120)) {
        let (mut queue, mut model) = (QueueState::default(), Model::default());
        for op in &ops {
            run(&mut queue, &mut model, op);
        }
        queue.expire(Duration::from_millis(model.now));
        model.expire();
        let held = model.messages.values().filter(|known| known.held_until.is_some()).count();
        let waiting = model.messages.len() - held;
        let (visible, in_flight) = queue.depth();
        prop_assert_eq!((visible, in_flight), (count(waiting), count(held)));
    }

    #[test]
    fn an_emptied_queue_takes_no_memory(groups in prop::collection::vec(0..4_u64, 1..40)) {
        let mut queue = QueueState::default();
        for (seq, group) in (1..).zip(groups) {
            queue.push(seq, group, 0, None);
        }
        loop {
            let picks = queue.pick(3, Duration::from_secs(1));
            if picks.is_empty() {
                break;
            }
            for pick in picks {
                queue.remove(pick.seq);
            }
        }
        prop_assert!(queue.groups.is_empty() && queue.flights.is_empty() && queue.counts.is_empty());
        prop_assert!(queue.ready.is_empty() && queue.deadlines.is_empty());
    }
}
