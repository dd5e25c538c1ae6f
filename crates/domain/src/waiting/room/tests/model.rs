//! Any calls, against a model that knows nothing but a list.

use proptest::{collection::vec, prelude::*};

use super::*;

const CUSTOMERS: u8 = 12;

#[derive(Debug, Clone)]
enum Step {
    Join(u8),
    Visit(u8),
    Leave(u8),
    Pass(u64),
    Admit,
    Look,
    /// What became of all that is due: whether each was used.
    Settle(bool),
    /// The customer orders.
    Order(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..CUSTOMERS;
    let step = prop_oneof![
        8 => who().prop_map(Step::Join),
        6 => who().prop_map(Step::Visit),
        2 => who().prop_map(Step::Leave),
        4 => prop_oneof![0..500_u64, 0..20_000_u64].prop_map(Step::Pass),
        6 => Just(Step::Admit),
        2 => Just(Step::Look),
        2 => any::<bool>().prop_map(Step::Settle),
        3 => who().prop_map(Step::Order),
        1 => Just(Step::Restart),
    ];
    vec(step, 1..120)
}

/// What the list says of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Waiting,
    Admitted,
    Done,
    Gone,
}

/// Who came, what they are, and when they were last seen.
type Entry = (u8, Is, Timestamp);

/// Everybody who ever came, in order.
struct List {
    entries: Vec<Entry>,
    admissions: Vec<Timestamp>,
}

impl List {
    fn find(&mut self, who: u8) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| entry.0 == who)
    }

    fn place(&self, who: u8) -> Option<usize> {
        let index = self.entries.iter().rposition(|entry| entry.0 == who)?;
        let is_waiting = |entry: &&Entry| entry.1 == Is::Waiting;
        (self.entries[index].1 == Is::Waiting)
            .then(|| self.entries[..=index].iter().filter(is_waiting).count())
    }

    fn count(&self, is: Is) -> u32 {
        let count = self.entries.iter().filter(|entry| entry.1 == is).count();
        u32::try_from(count).unwrap()
    }
}

struct Pair {
    world: World,
    list: List,
    settings: Settings,
}

impl Pair {
    fn take(&mut self, step: &Step) {
        let now = self.world.now;
        match step {
            Step::Pass(ms) => self.world.pass(*ms),
            Step::Join(who) => self.join(*who),
            Step::Visit(who) => {
                self.world.visit(&name(*who));
                if let Some(entry) = self.list.find(*who) {
                    entry.2 = now;
                }
            }
            Step::Leave(who) => {
                self.world.leave(&name(*who));
                if let Some(entry) = self.list.find(*who)
                    && entry.1 == Is::Waiting
                {
                    entry.1 = Is::Gone;
                }
            }
            Step::Admit => self.admit(),
            Step::Look => {
                let events = self.world.room.missing(now);
                let events = self.world.take(events);
                self.gone(&events);
            }
            Step::Settle(used) => self.settle_due(*used),
            Step::Order(who) => {
                if let Some(ticket) = self.world.room.ticket_of(&customer(&name(*who))) {
                    self.world.settle(&name(*who), Outcome::Ordered { quantity: 1 });
                    self.list.entries[position(ticket.place)].1 = Is::Done;
                }
            }
            Step::Restart => self.restart(),
        }
    }

    fn join(&mut self, who: u8) {
        let (now, events) = (self.world.now, self.world.log.len());
        self.world.join(&name(who));
        let sold_out = self.list.count(Is::Done) >= self.settings.units;
        match self.list.find(who) {
            Some(entry) if entry.1 != Is::Gone => entry.2 = now,
            Some(_) | None if sold_out => {}
            Some(_) | None => self.list.entries.push((who, Is::Waiting, now)),
        }
        assert!(self.world.log.len() - events <= 1);
    }

    fn settle_due(&mut self, used: bool) {
        let (is, outcome) = if used {
            (Is::Done, Outcome::Ordered { quantity: 1 })
        } else {
            (Is::Gone, Outcome::Void)
        };
        for ticket in self.world.room.due(self.world.now, 100) {
            let event = self.world.room.settle(ticket.place, outcome);
            assert!(event.is_some(), "what is due is open");
            self.world.take(event);
            assert_eq!(self.world.room.settle(ticket.place, outcome), None, "settled twice");
            let entry = &mut self.list.entries[position(ticket.place)];
            assert_eq!(entry.1, Is::Admitted);
            entry.1 = is;
        }
    }

    fn restart(&mut self) {
        let before = self.world.room.summary();
        self.world.restart();
        assert_eq!(self.world.room.summary(), before);
        let now = self.world.now;
        for entry in &mut self.list.entries {
            entry.2 = now;
        }
    }

    fn has_gone(&self, index: usize) -> bool {
        self.world.now.since(self.list.entries[index].2) > self.settings.patience()
    }

    fn gone(&mut self, events: &[Event]) {
        for event in events {
            let Event::Left { place } = event else { continue };
            let index = position(*place);
            assert!(self.has_gone(index), "{place} was seen lately");
            assert_eq!(self.list.entries[index].1, Is::Waiting);
            self.list.entries[index].1 = Is::Gone;
        }
    }

    fn admit(&mut self) {
        let now = self.world.now;
        let events = self.world.room.admit(now, Pace::FULL);
        let events = self.world.take(events);
        self.gone(&events);
        for event in &events {
            let Event::Admitted { place, .. } = event else { continue };
            let index = position(*place);
            let first = self.list.entries.iter().position(|entry| entry.1 == Is::Waiting);
            assert_eq!(first, Some(index), "somebody who came earlier waits");
            assert!(!self.has_gone(index));
            self.list.entries[index].1 = Is::Admitted;
            self.list.admissions.push(now);
        }
        // In no second more than the rate, and what was saved up for one.
        let second = now.before(Duration::from_secs(1));
        let lately = self.list.admissions.iter().filter(|at| **at > second).count();
        assert!(lately <= 2 * position(self.settings.admitted_per_s) + 1);
        let taken = self.list.count(Is::Done) + self.list.count(Is::Admitted);
        let can = self.list.count(Is::Waiting) > 0 && taken < self.settings.units;
        let idle = self.list.admissions.last().is_none_or(|last| now.since(*last).as_secs() >= 1);
        assert!(!(can && idle && events.is_empty()), "nobody is let through, for no reason");
    }

    fn compare(&mut self) {
        let summary = self.world.room.summary();
        let count = |is| self.list.count(is);
        assert_eq!(
            (summary.waiting, summary.admitted, summary.promised, summary.ordered),
            (count(Is::Waiting), count(Is::Admitted), count(Is::Admitted), count(Is::Done)),
        );
        assert!(summary.promised + summary.ordered <= self.settings.units);
        let sold_out = summary.ordered >= self.settings.units;
        for who in 0..CUSTOMERS {
            // Looked at in a copy: to look is to give a sign of life.
            let mut room = self.world.room.clone();
            let standing = room.visit(&customer(&name(who)), self.world.now);
            let place = self.list.place(who).map(|place| u32::try_from(place).unwrap());
            match standing {
                Some(Standing::Waiting { place: found, .. }) => assert_eq!(Some(found), place),
                Some(Standing::SoldOut) => assert!(sold_out && place.is_some()),
                Some(Standing::Admitted(_) | Standing::Ordered | Standing::Lapsed) | None => {
                    assert_eq!(place, None);
                }
            }
        }
    }
}

fn name(who: u8) -> String {
    format!("c{who}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_calls_do_what_a_list_does(steps in steps(), units in 1..8_u32, per_s in 1..6_u32) {
        let settings = settings(units, per_s);
        let list = List { entries: Vec::new(), admissions: Vec::new() };
        let mut pair = Pair { world: World::new(settings), list, settings };
        for step in &steps {
            pair.take(step);
            pair.compare();
        }
    }
}
