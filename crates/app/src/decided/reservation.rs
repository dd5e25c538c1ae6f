//! The table of a reservation.

use lmall_domain::{
    Timestamp,
    stock::{self, Command, Reservation},
};

use super::{Cell, Machine};

names! {
    /// Where a reservation stands.
    State:
    Absent "absent",
    Trying "TRYING",
    Reserved "RESERVED",
    Rejected "REJECTED",
    Released "RELEASED",
    Tombstone "tombstone",
    Sold "SOLD",
}

names! {
    /// What happens to a reservation.
    Input:
    Try "try",
    Hold "hold",
    Refuse "refuse",
    Confirm "confirm",
    ConfirmLate "confirm late",
    RefuseConfirm "refuse confirm",
    Cancel "cancel",
    Expire "expire",
    ExpireEarly "expire early",
}

/// The machine of a reservation.
///
/// A `tombstone` is RELEASED and has no lines: its cancel came before its order. `expire early`
/// is before `expires_at`; what is absent has none, and is never early. The use case tries as if
/// the reservation were absent, and learns from the commit that it is not: so `try` comes in
/// `absent` only.
pub const RESERVATION: Machine =
    Machine { name: "reservation", states: State::NAMES, inputs: Input::NAMES };

impl Cell {
    /// The cell of a decision about a reservation.
    pub(crate) fn of_reservation(
        reservation: Option<&Reservation>,
        command: &Command,
        now: Timestamp,
    ) -> Self {
        let (state, input) = (state(reservation), input(reservation, command, now));
        Self { machine: RESERVATION.name, state: state.name(), input: input.name() }
    }
}

fn state(reservation: Option<&Reservation>) -> State {
    let Some(reservation) = reservation else { return State::Absent };
    match reservation.state {
        stock::State::Trying => State::Trying,
        stock::State::Reserved => State::Reserved,
        stock::State::Rejected => State::Rejected,
        stock::State::Released if reservation.lines.is_empty() => State::Tombstone,
        stock::State::Released => State::Released,
        stock::State::Sold => State::Sold,
    }
}

fn input(reservation: Option<&Reservation>, command: &Command, now: Timestamp) -> Input {
    match command {
        Command::Try { .. } => Input::Try,
        Command::Hold(_) => Input::Hold,
        Command::Refuse(_) => Input::Refuse,
        Command::Confirm => Input::Confirm,
        Command::ConfirmLate(_) => Input::ConfirmLate,
        Command::RefuseConfirm(_) => Input::RefuseConfirm,
        Command::Cancel => Input::Cancel,
        Command::Expire if reservation.is_some_and(|it| now < it.expires_at) => Input::ExpireEarly,
        Command::Expire => Input::Expire,
    }
}
