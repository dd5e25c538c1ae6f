//! Which cells of the three state tables an exploration decided.

use std::sync::atomic::{AtomicU8, Ordering};

use lmall_domain::{
    Timestamp,
    event::CancelReason,
    order::{self, Order, Status, Stock},
    payment::{self, Kind, Payment},
    stock::{self, Reservation},
};

/// How a cell was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Never: with these limits, no correct peer asks for it.
    Never,
    /// Only by a repetition, whose dedupe row refuses what is decided.
    Repeated,
    /// By something new.
    Fresh,
}

/// An input in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Whose table.
    pub machine: &'static str,
    /// The row.
    pub state: &'static str,
    /// The column.
    pub input: &'static str,
    /// How it was reached.
    pub reach: Reach,
}

const ORDER_STATES: &[&str] = &[
    "PENDING, stock not held",
    "PENDING, stock held",
    "PAID",
    "CONFIRMED",
    "CANCELING",
    "CANCELED",
];
const ORDER_INPUTS: &[&str] = &[
    "captured, sum below the total",
    "captured, sum at least the total",
    "captured, foreign currency",
    "failed",
    "refunded",
    "reserved",
    "rejected",
    "released",
    "confirmed (sold)",
    "cancel by customer",
    "cancel by time-out, due",
    "cancel by time-out, not due",
];
const STOCK_STATES: &[&str] = &["absent", "TRYING", "RESERVED", "REJECTED", "RELEASED", "SOLD"];
const STOCK_INPUTS: &[&str] = &[
    "Try",
    "Hold",
    "Refuse",
    "Confirm",
    "ConfirmLate",
    "RefuseConfirm",
    "Cancel",
    "Expire, due",
    "Expire, not due",
];
const PAYMENT_STATES: &[&str] =
    &["absent", "Unmatched", "Open", "Failed", "Captured", "Refunding", "Refunded"];
const PAYMENT_INPUTS: &[&str] = &[
    "Expect",
    "Record captured",
    "Record failed",
    "Record refunded",
    "Settle",
    "RequestRefund",
    "Attempt",
    "Accept",
    "Answer",
    "Refuse",
];

struct Table {
    machine: &'static str,
    states: &'static [&'static str],
    inputs: &'static [&'static str],
    seen: Vec<AtomicU8>,
}

impl Table {
    fn new(
        machine: &'static str,
        states: &'static [&'static str],
        inputs: &'static [&'static str],
    ) -> Self {
        let seen = (0..states.len() * inputs.len()).map(|_| AtomicU8::new(0)).collect();
        Self { machine, states, inputs, seen }
    }

    fn note(&self, state: usize, input: usize, fresh: bool) {
        let cell = &self.seen[state * self.inputs.len() + input];
        let reached = 1 + u8::from(fresh);
        // Most are known: then the cache line is only read.
        if cell.load(Ordering::Relaxed) < reached {
            cell.fetch_max(reached, Ordering::Relaxed);
        }
    }

    fn cells(&self) -> impl Iterator<Item = Cell> {
        let places = self
            .states
            .iter()
            .flat_map(|state| self.inputs.iter().map(move |input| (*state, *input)));
        places.zip(&self.seen).map(|((state, input), seen)| Cell {
            machine: self.machine,
            state,
            input,
            reach: match seen.load(Ordering::Relaxed) {
                0 => Reach::Never,
                1 => Reach::Repeated,
                _ => Reach::Fresh,
            },
        })
    }
}

/// The three tables.
pub(super) struct Cells {
    order: Table,
    reservation: Table,
    payment: Table,
}

impl Cells {
    pub(super) fn new() -> Self {
        Self {
            order: Table::new("order", ORDER_STATES, ORDER_INPUTS),
            reservation: Table::new("reservation", STOCK_STATES, STOCK_INPUTS),
            payment: Table::new("payment", PAYMENT_STATES, PAYMENT_INPUTS),
        }
    }

    pub(super) fn all(&self) -> Vec<Cell> {
        let tables = [&self.order, &self.reservation, &self.payment];
        tables.into_iter().flat_map(Table::cells).collect()
    }

    pub(super) fn order(&self, order: &Order, input: order::Command, now: Timestamp, fresh: bool) {
        let state = match (order.status, order.stock) {
            (Status::Pending, Stock::Held) => 1,
            (Status::Pending, _) => 0,
            (Status::Paid, _) => 2,
            (Status::Confirmed, _) => 3,
            (Status::Canceling, _) => 4,
            (Status::Canceled, _) => 5,
        };
        let input = match input {
            order::Command::NoteCapture(money) if money.currency != order.total.currency => 2,
            order::Command::NoteCapture(money) => {
                usize::from(order.captured + money.amount >= order.total.amount)
            }
            order::Command::NoteFailure => 3,
            order::Command::NoteRefund(_) => 4,
            order::Command::NoteReserved => 5,
            order::Command::NoteRejected => 6,
            order::Command::NoteReleased => 7,
            order::Command::NoteSold => 8,
            order::Command::Cancel(CancelReason::PaymentTimeout) => {
                10 + usize::from(now < order.pay_by)
            }
            order::Command::Cancel(
                CancelReason::Customer
                | CancelReason::OutOfStock
                | CancelReason::ReservationExpired,
            ) => 9,
        };
        self.order.note(state, input, fresh);
    }

    pub(super) fn reservation(
        &self,
        reservation: Option<&Reservation>,
        input: &stock::Command,
        now: Timestamp,
        fresh: bool,
    ) {
        let state = match reservation.map(|reservation| reservation.state) {
            None => 0,
            Some(stock::State::Trying) => 1,
            Some(stock::State::Reserved) => 2,
            Some(stock::State::Rejected) => 3,
            Some(stock::State::Released) => 4,
            Some(stock::State::Sold) => 5,
        };
        let input = match input {
            stock::Command::Try { .. } => 0,
            stock::Command::Hold(_) => 1,
            stock::Command::Refuse(_) => 2,
            stock::Command::Confirm => 3,
            stock::Command::ConfirmLate(_) => 4,
            stock::Command::RefuseConfirm(_) => 5,
            stock::Command::Cancel => 6,
            stock::Command::Expire => {
                7 + usize::from(reservation.is_some_and(|found| now < found.expires_at))
            }
        };
        self.reservation.note(state, input, fresh);
    }

    pub(super) fn payment(&self, payment: Option<&Payment>, input: &payment::Command, fresh: bool) {
        let state = match payment.map(Payment::state) {
            None => 0,
            Some(payment::State::Unmatched) => 1,
            Some(payment::State::Open) => 2,
            Some(payment::State::Failed) => 3,
            Some(payment::State::Captured) => 4,
            Some(payment::State::Refunding) => 5,
            Some(payment::State::Refunded) => 6,
        };
        let input = match input {
            payment::Command::Expect(_) => 0,
            payment::Command::Record(movement) => match movement.kind {
                Kind::Captured => 1,
                Kind::Failed => 2,
                Kind::Refunded => 3,
            },
            payment::Command::Settle => 4,
            payment::Command::RequestRefund(_) => 5,
            payment::Command::Attempt(_) => 6,
            payment::Command::Accept(_) => 7,
            payment::Command::Answer(_) => 8,
            payment::Command::Refuse(_) => 9,
        };
        self.payment.note(state, input, fresh);
    }
}
