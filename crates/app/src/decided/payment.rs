//! The table of a payment.

use lmall_domain::payment::{self, Command, Kind, Payment};

use super::{Cell, Machine};

names! {
    /// Where a payment stands.
    State:
    Absent "absent",
    Unmatched "unmatched",
    Open "open",
    Failed "failed",
    Captured "captured",
    Refunding "refunding",
    Refunded "refunded",
}

names! {
    /// What happens to a payment.
    Input:
    Expect "expect",
    RecordCaptured "record captured",
    RecordFailed "record failed",
    RecordRefunded "record refunded",
    Settle "settle",
    RequestRefund "request refund",
    Attempt "attempt",
    Accept "accept",
    Answer "answer",
    Refuse "refuse",
}

/// The machine of a payment.
pub const PAYMENT: Machine =
    Machine { name: "payment", states: State::NAMES, inputs: Input::NAMES };

impl Cell {
    /// The cell of a decision about a payment.
    pub(crate) fn of_payment(payment: Option<&Payment>, command: &Command) -> Self {
        let (state, input) = (state(payment), input(command));
        Self { machine: PAYMENT.name, state: state.name(), input: input.name() }
    }
}

fn state(payment: Option<&Payment>) -> State {
    let Some(payment) = payment else { return State::Absent };
    match payment.state() {
        payment::State::Unmatched => State::Unmatched,
        payment::State::Open => State::Open,
        payment::State::Failed => State::Failed,
        payment::State::Captured => State::Captured,
        payment::State::Refunding => State::Refunding,
        payment::State::Refunded => State::Refunded,
    }
}

fn input(command: &Command) -> Input {
    match command {
        Command::Expect(_) => Input::Expect,
        Command::Record(movement) => match movement.kind {
            Kind::Captured => Input::RecordCaptured,
            Kind::Failed => Input::RecordFailed,
            Kind::Refunded => Input::RecordRefunded,
        },
        Command::Settle => Input::Settle,
        Command::RequestRefund(_) => Input::RequestRefund,
        Command::Attempt(_) => Input::Attempt,
        Command::Accept(_) => Input::Accept,
        Command::Answer(_) => Input::Answer,
        Command::Refuse(_) => Input::Refuse,
    }
}
