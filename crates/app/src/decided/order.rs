//! The table of an order.

use lmall_domain::{
    Timestamp,
    event::CancelReason,
    order::{Command, Order, Status, Stock},
};

use super::{Cell, Machine};

names! {
    /// Where an order stands, and while it is pending, whether its stock is held.
    State:
    Pending "PENDING",
    PendingHeld "PENDING held",
    Paid "PAID",
    Confirmed "CONFIRMED",
    Canceling "CANCELING",
    Canceled "CANCELED",
}

names! {
    /// What happens to an order.
    Input:
    CapturedBelow "captured below",
    CapturedEnough "captured enough",
    CapturedForeign "captured foreign",
    Failed "failed",
    Refunded "refunded",
    RefundedForeign "refunded foreign",
    Reserved "reserved",
    Rejected "rejected",
    Released "released",
    Sold "sold",
    CancelCustomer "cancel customer",
    CancelTimeout "cancel time-out",
    CancelTimeoutEarly "cancel time-out early",
}

/// The machine of an order.
///
/// `captured below` leaves the sum of the captures below the total, `captured enough` does not;
/// `foreign` money is of another currency than the total. A cancellation that is not for want
/// of payment is `cancel customer`; `early` is one before `pay_by`.
pub const ORDER: Machine = Machine { name: "order", states: State::NAMES, inputs: Input::NAMES };

impl Cell {
    /// The cell of a decision about an order.
    pub(crate) fn of_order(order: &Order, command: Command, now: Timestamp) -> Self {
        let (state, input) = (state(order), input(order, command, now));
        Self { machine: ORDER.name, state: state.name(), input: input.name() }
    }
}

fn state(order: &Order) -> State {
    match (order.status, order.stock) {
        (Status::Pending, Stock::Held) => State::PendingHeld,
        (Status::Pending, Stock::Pending | Stock::Refused | Stock::Released | Stock::Sold) => {
            State::Pending
        }
        (Status::Paid, _) => State::Paid,
        (Status::Confirmed, _) => State::Confirmed,
        (Status::Canceling, _) => State::Canceling,
        (Status::Canceled, _) => State::Canceled,
    }
}

fn input(order: &Order, command: Command, now: Timestamp) -> Input {
    match command {
        Command::NoteCapture(money) if money.currency != order.total.currency => {
            Input::CapturedForeign
        }
        Command::NoteCapture(money) => {
            let captured = order.captured.saturating_add(money.amount);
            if captured < order.total.amount { Input::CapturedBelow } else { Input::CapturedEnough }
        }
        Command::NoteFailure => Input::Failed,
        Command::NoteRefund(money) if money.currency != order.total.currency => {
            Input::RefundedForeign
        }
        Command::NoteRefund(_) => Input::Refunded,
        Command::NoteReserved => Input::Reserved,
        Command::NoteRejected => Input::Rejected,
        Command::NoteReleased => Input::Released,
        Command::NoteSold => Input::Sold,
        Command::Cancel(CancelReason::PaymentTimeout) if now < order.pay_by => {
            Input::CancelTimeoutEarly
        }
        Command::Cancel(CancelReason::PaymentTimeout) => Input::CancelTimeout,
        Command::Cancel(
            CancelReason::Customer | CancelReason::OutOfStock | CancelReason::ReservationExpired,
        ) => Input::CancelCustomer,
    }
}
