//! The reservation table of `docs/PROTOCOLS.md`, section 6: every cell; and the ledger, against
//! a naive model.

use std::collections::BTreeMap;

use lmall_domain::{
    OrderId, Timestamp,
    event::{Event, EventType, ReleaseReason, SkuQuantity},
    limits::BUCKETS_MAX,
    stock::{
        Allocation, Bucket, Command, Decision, Flow, Line, Move, Rejection, Reservation, State,
        allocate, decide, spread,
    },
};
use proptest::{collection::vec, prelude::*};

use super::support::{ORDER, PLACED, at, sku};

const EXPIRES_S: u64 = 2_000;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Absent,
    Is(State),
    /// What an empty cancel left: no lines.
    Tombstone(State),
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Try,
    Hold,
    Refuse,
    Confirm,
    ConfirmLate,
    RefuseConfirm,
    Cancel,
    Lapsed,
    NotLapsed,
}

use Input as I;

impl Before {
    const ALL: [Self; 8] = {
        let [a, b, c, d, e] = State::ALL;
        let tombstone = Self::Tombstone;
        [
            Self::Absent,
            Self::Is(a),
            Self::Is(b),
            Self::Is(c),
            Self::Is(d),
            Self::Is(e),
            tombstone(State::Released),
            tombstone(State::Rejected),
        ]
    };

    /// Holds units where its state says so: 3 of `cup` in two buckets, 1 of `tea`.
    fn reservation(self) -> Option<Reservation> {
        let (state, lines) = match self {
            Self::Absent => return None,
            Self::Is(state) => (state, lines(matches!(state, State::Reserved | State::Sold))),
            Self::Tombstone(state) => (state, Vec::new()),
        };
        Some(Reservation { order_id: ORDER, state, lines, expires_at: at(EXPIRES_S), events: 3 })
    }
}

impl Input {
    const ALL: [Self; 9] = [
        I::Try,
        I::Hold,
        I::Refuse,
        I::Confirm,
        I::ConfirmLate,
        I::RefuseConfirm,
        I::Cancel,
        I::Lapsed,
        I::NotLapsed,
    ];

    fn command(self, before: Before) -> (Command, Timestamp) {
        let units = || match before {
            Before::Absent | Before::Is(_) => found(),
            Before::Tombstone(_) => Vec::new(),
        };
        let command = match self {
            I::Try => Command::Try { lines: wanted(), expires_at: at(EXPIRES_S) },
            I::Hold => Command::Hold(units()),
            I::Refuse => Command::Refuse(Some(sku("cup"))),
            I::Confirm => Command::Confirm,
            I::ConfirmLate => Command::ConfirmLate(units()),
            I::RefuseConfirm => Command::RefuseConfirm(Some(sku("cup"))),
            I::Cancel => Command::Cancel,
            I::Lapsed | I::NotLapsed => Command::Expire,
        };
        (command, if self == I::Lapsed { at(EXPIRES_S) } else { at(EXPIRES_S - 1) })
    }
}

fn wanted() -> Vec<SkuQuantity> {
    let line = |(text, quantity)| SkuQuantity { sku: sku(text), quantity };
    [("cup", 3), ("tea", 1)].map(line).into()
}

fn found() -> Vec<Vec<Allocation>> {
    let part = |bucket, quantity| Allocation { bucket, quantity };
    vec![vec![part(0, 2), part(1, 1)], vec![part(4, 1)]]
}

fn lines(held: bool) -> Vec<Line> {
    let line = |(wanted, allocations): (SkuQuantity, _)| Line {
        sku: wanted.sku,
        quantity: wanted.quantity,
        allocations: if held { allocations } else { Vec::new() },
    };
    wanted().into_iter().zip(found()).map(line).collect()
}

fn moves(flow: Flow) -> Vec<Move> {
    let step = |(text, bucket, units)| Move { sku: sku(text), bucket, flow, units };
    [("cup", 0, 2), ("cup", 1, 1), ("tea", 4, 1)].map(step).into()
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Ignore,
    Refuse(Rejection),
    /// A reservation without a word.
    Quiet(State),
    Say(State, EventType),
    Move(State, Flow, EventType),
}

type Row = (&'static [Before], &'static [Input], Cell);

#[rustfmt::skip]
const TABLE: &[Row] = {
    use {Before as B, Cell as C, EventType as E, State as S};
    const NOTHING_HELD: &[Before] = &[
        B::Is(S::Rejected), B::Is(S::Released), B::Tombstone(S::Released), B::Tombstone(S::Rejected),
    ];
    &[
        (&[B::Absent], &[I::Try], C::Quiet(S::Trying)),
        (&[B::Absent], &[I::Cancel], C::Say(S::Released, E::InventoryReleased)),
        (&[B::Absent], &[I::Lapsed, I::NotLapsed], C::Ignore),
        (&[B::Absent], &[I::Hold, I::Refuse, I::Confirm, I::ConfirmLate, I::RefuseConfirm], C::Refuse(Rejection::NotYet)),

        (&[B::Is(S::Trying)], &[I::Hold], C::Move(S::Reserved, Flow::Reserve, E::InventoryReserved)),
        (&[B::Is(S::Trying)], &[I::Refuse, I::Lapsed], C::Say(S::Rejected, E::InventoryRejected)),
        (&[B::Is(S::Trying)], &[I::Confirm], C::Refuse(Rejection::NotYet)),
        (&[B::Is(S::Trying)], &[I::Cancel], C::Say(S::Released, E::InventoryReleased)),
        (&[B::Is(S::Trying)], &[I::Try, I::ConfirmLate, I::RefuseConfirm, I::NotLapsed], C::Ignore),

        (&[B::Is(S::Reserved)], &[I::Confirm], C::Move(S::Sold, Flow::Sell, E::InventoryConfirmed)),
        (&[B::Is(S::Reserved)], &[I::Cancel, I::Lapsed], C::Move(S::Released, Flow::Release, E::InventoryReleased)),
        (&[B::Is(S::Reserved)], &[I::Try, I::Hold, I::Refuse, I::ConfirmLate, I::RefuseConfirm, I::NotLapsed], C::Ignore),

        (&[B::Is(S::Sold)], &Input::ALL, C::Ignore),

        (NOTHING_HELD, &[I::Confirm], C::Refuse(Rejection::NotHeld)),
        (&[B::Is(S::Rejected), B::Is(S::Released)], &[I::ConfirmLate], C::Move(S::Sold, Flow::SellLate, E::InventoryConfirmed)),
        (&[B::Tombstone(S::Released), B::Tombstone(S::Rejected)], &[I::ConfirmLate], C::Say(S::Rejected, E::InventoryRejected)),
        (NOTHING_HELD, &[I::RefuseConfirm], C::Say(S::Rejected, E::InventoryRejected)),
        (&[B::Is(S::Released), B::Tombstone(S::Released)], &[I::Cancel], C::Say(S::Released, E::InventoryReleased)),
        (&[B::Is(S::Rejected), B::Tombstone(S::Rejected)], &[I::Cancel], C::Say(S::Rejected, E::InventoryReleased)),
        (NOTHING_HELD, &[I::Try, I::Hold, I::Refuse, I::Lapsed, I::NotLapsed], C::Ignore),
    ]
};

fn check(before: Before, input: Input, cell: Cell) {
    let name = format!("{before:?}, {input:?}");
    let reservation = before.reservation();
    let (command, now) = input.command(before);
    let decision = decide(ORDER, reservation.as_ref(), command, now);
    let (state, flow, event_type) = match cell {
        Cell::Ignore => return assert_eq!(decision, Ok(Decision::Nothing), "{name}"),
        Cell::Refuse(why) => return assert_eq!(decision, Err(why), "{name}"),
        Cell::Quiet(state) => (state, None, None),
        Cell::Say(state, event_type) => (state, None, Some(event_type)),
        Cell::Move(state, flow, event_type) => (state, Some(flow), Some(event_type)),
    };
    let Ok(Decision::Change(after, moved, event)) = decision else {
        panic!("{name}: {decision:?} instead of a change");
    };
    assert_eq!(after.state, state, "{name}");
    assert_eq!(moved, flow.map(moves).unwrap_or_default(), "{name}");
    assert_eq!(event.as_ref().map(Event::event_type), event_type, "{name}");
    let events = reservation.as_ref().map_or(0, |before| before.events);
    assert_eq!(after.events, events + u32::from(event.is_some()), "{name}");
    let lines = match (before, input) {
        (Before::Absent, I::Cancel) | (Before::Tombstone(_), _) => Vec::new(),
        _ => lines(matches!(state, State::Reserved | State::Sold)),
    };
    assert_eq!(after.lines, lines, "{name}");
    if let Some(Event::InventoryReleased(released)) = event {
        let expired = released.reason == ReleaseReason::Expired;
        assert_eq!(expired, input == I::Lapsed, "{name}");
    }
}

#[test]
fn every_cell_does_what_the_table_says() {
    for (rows, inputs, cell) in TABLE {
        for before in *rows {
            for input in *inputs {
                check(*before, *input, *cell);
            }
        }
    }
}

#[test]
fn every_combination_has_one_row() {
    for before in Before::ALL {
        for input in Input::ALL {
            let rows = TABLE
                .iter()
                .filter(|(rows, inputs, _)| rows.contains(&before) && inputs.contains(&input));
            assert_eq!(rows.count(), 1, "{before:?}, {input:?}");
        }
    }
}

/// What chance does to one of some orders.
#[derive(Debug, Clone, Copy)]
enum Step {
    Try,
    /// The units come from the ledger, or from a gate that thinks everything is still there.
    Hold {
        drifted: bool,
    },
    Refuse,
    Confirm,
    ConfirmLate {
        drifted: bool,
    },
    RefuseConfirm,
    Cancel,
    Expire,
}

/// What the naive model thinks of an order: its units are in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Wanted,
    Held,
    Gone,
    /// Given back or refused. A tombstone wants nothing for ever.
    Back {
        tombstone: bool,
    },
}

type Ledger = BTreeMap<u8, Bucket>;

struct World {
    ledger: Ledger,
    reservations: BTreeMap<OrderId, Reservation>,
    model: BTreeMap<OrderId, Place>,
    quantity: u32,
}

impl World {
    fn new(received: &[i64], quantity: u32) -> Self {
        let full = |received| Bucket { available: received, received, ..Bucket::default() };
        let ledger = (0..).zip(received.iter().map(|units| full(*units))).collect();
        Self { ledger, reservations: BTreeMap::new(), model: BTreeMap::new(), quantity }
    }

    fn find(&self, order_id: OrderId, drifted: bool) -> Option<Vec<Vec<Allocation>>> {
        let seen = |bucket: &Bucket| if drifted { bucket.received } else { bucket.available };
        let buckets: Vec<_> =
            self.ledger.iter().map(|(number, bucket)| (*number, seen(bucket))).collect();
        allocate(&buckets, order_id, self.quantity).map(|found| vec![found])
    }

    fn step(&mut self, order_id: OrderId, step: Step) {
        let place = self.model.get(&order_id).copied().unwrap_or(Place::Nowhere);
        let left: i64 = self.ledger.values().map(|bucket| bucket.available).sum();
        let enough = left >= i64::from(self.quantity);
        let found = |drifted| self.find(order_id, drifted);
        let wanted = || vec![SkuQuantity { sku: sku("cup"), quantity: self.quantity }];
        let command = match step {
            Step::Try => Some(Command::Try { lines: wanted(), expires_at: PLACED }),
            Step::Hold { drifted } => found(drifted).map(Command::Hold),
            Step::Refuse => Some(Command::Refuse(None)),
            Step::Confirm => Some(Command::Confirm),
            // A tombstone has no lines to find units for.
            Step::ConfirmLate { .. } if place == (Place::Back { tombstone: true }) => None,
            Step::ConfirmLate { drifted } => found(drifted).map(Command::ConfirmLate),
            Step::RefuseConfirm => Some(Command::RefuseConfirm(None)),
            Step::Cancel => Some(Command::Cancel),
            Step::Expire => Some(Command::Expire),
        };
        let took = command.is_some_and(|command| self.carry_out(order_id, command));
        let next = expected(place, step);
        let takes = matches!(
            (place, next),
            (Place::Wanted, Place::Held) | (Place::Back { .. }, Place::Gone)
        );
        if takes {
            let drifted =
                matches!(step, Step::Hold { drifted: true } | Step::ConfirmLate { drifted: true });
            assert!(took || drifted || !enough, "{place:?}, {step:?}: there were {left} units");
            assert!(!took || enough, "{place:?}, {step:?}: there were only {left} units");
        }
        if !takes || took {
            self.model.insert(order_id, next);
        }
    }

    /// Commits a decision as a store does: all of its movements or nothing.
    fn carry_out(&mut self, order_id: OrderId, command: Command) -> bool {
        let before = self.reservations.get(&order_id);
        let Ok(Decision::Change(after, moves, _)) = decide(order_id, before, command, PLACED)
        else {
            return false;
        };
        let mut ledger = self.ledger.clone();
        for step in moves {
            let bucket = ledger.get_mut(&step.bucket).expect("a bucket that exists");
            for (name, delta) in step.flow.deltas(i64::from(step.units)) {
                let counter = match name {
                    "available" => &mut bucket.available,
                    "reserved" => &mut bucket.reserved,
                    "sold" => &mut bucket.sold,
                    other => panic!("`{other}` is no counter of a bucket"),
                };
                *counter += delta;
                if *counter < 0 {
                    return false;
                }
            }
        }
        self.ledger = ledger;
        self.reservations.insert(order_id, after);
        true
    }

    fn check(&self) {
        for (number, bucket) in &self.ledger {
            let Bucket { available, reserved, sold, received } = *bucket;
            assert_eq!(available + reserved + sold, received, "bucket {number}: {bucket:?}");
            assert!(available >= 0 && reserved >= 0 && sold >= 0, "bucket {number}: {bucket:?}");
        }
        let in_place = |wanted| {
            let orders = self.model.values().filter(|place| **place == wanted);
            orders.map(|_| i64::from(self.quantity)).sum::<i64>()
        };
        let sum = |of: fn(&Bucket) -> i64| self.ledger.values().map(of).sum::<i64>();
        assert_eq!(sum(|bucket| bucket.reserved), in_place(Place::Held), "reserved");
        assert_eq!(sum(|bucket| bucket.sold), in_place(Place::Gone), "sold");
    }
}

fn expected(place: Place, step: Step) -> Place {
    let back = Place::Back { tombstone: false };
    match (place, step) {
        (Place::Nowhere, Step::Try) => Place::Wanted,
        (Place::Nowhere, Step::Cancel) => Place::Back { tombstone: true },
        (Place::Wanted, Step::Hold { .. }) => Place::Held,
        (Place::Wanted, Step::Refuse | Step::Cancel | Step::Expire) => back,
        (Place::Held, Step::Confirm) => Place::Gone,
        (Place::Held, Step::Cancel | Step::Expire) => back,
        (Place::Back { tombstone: false }, Step::ConfirmLate { .. }) => Place::Gone,
        (stays, _) => stays,
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        4 => Just(Step::Try),
        4 => any::<bool>().prop_map(|drifted| Step::Hold { drifted }),
        1 => Just(Step::Refuse),
        2 => Just(Step::Confirm),
        2 => any::<bool>().prop_map(|drifted| Step::ConfirmLate { drifted }),
        1 => Just(Step::RefuseConfirm),
        2 => Just(Step::Cancel),
        2 => Just(Step::Expire),
    ];
    vec((1..9_u64, step), 0..120)
}

proptest! {
    #[test]
    fn the_ledger_agrees_with_a_naive_one(
        received in vec(0..6_i64, 1..5),
        quantity in 1..7_u32,
        steps in steps(),
    ) {
        let mut world = World::new(&received, quantity);
        for (number, step) in steps {
            let order_id = OrderId::new(number).expect("in range");
            world.step(order_id, step);
            world.check();
        }
    }

    #[test]
    fn an_allocation_is_whole_and_within_its_buckets(
        available in vec(-3..40_i64, 0..=usize::from(BUCKETS_MAX)),
        order in 1..1_000_u64,
        quantity in 1..400_u32,
    ) {
        let buckets: Vec<(u8, i64)> = (0..).zip(available.iter().copied()).collect();
        let order_id = OrderId::new(order).expect("in range");
        let there: i64 = available.iter().filter(|units| **units > 0).sum();
        let found = allocate(&buckets, order_id, quantity);
        prop_assert_eq!(found.is_some(), there >= i64::from(quantity));
        let Some(found) = found else { return Ok(()) };
        prop_assert_eq!(found.iter().map(|part| part.quantity).sum::<u32>(), quantity);
        let mut numbers: Vec<_> = found.iter().map(|part| part.bucket).collect();
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), found.len(), "a bucket is named once");
        for part in &found {
            prop_assert!(part.quantity > 0);
            prop_assert!(i64::from(part.quantity) <= available[usize::from(part.bucket)]);
        }
        let one_is_enough = available.iter().any(|units| *units >= i64::from(quantity));
        prop_assert_eq!(found.len() == 1, one_is_enough);
    }

    #[test]
    fn a_spread_adds_up_and_is_even(units in 0..1_000_000_000_000_i64, buckets in 0..=BUCKETS_MAX) {
        let parts = spread(units, buckets);
        prop_assert_eq!(parts.len(), usize::from(buckets.max(1)));
        prop_assert_eq!(parts.iter().sum::<i64>(), units);
        prop_assert!(parts.is_sorted_by(|left, right| left >= right));
        prop_assert!(parts[0] - parts[parts.len() - 1] <= 1);
    }
}

#[test]
fn orders_begin_at_different_buckets() {
    let buckets: Vec<(u8, i64)> = (0..4).map(|number| (number, 10)).collect();
    let mut orders = [0; 4];
    // As they are made: milliseconds above 22 bits, of which the low ones begin at 0 each time.
    for order in (20_000_000..20_004_000_u64).map(|ms| (ms << 22) | (3 << 13)) {
        let order_id = OrderId::new(order).expect("in range");
        let found = allocate(&buckets, order_id, 1).expect("there is enough");
        orders[usize::from(found[0].bucket)] += 1;
    }
    assert!(orders.iter().all(|count| (990..=1_010).contains(count)), "{orders:?}");
}
