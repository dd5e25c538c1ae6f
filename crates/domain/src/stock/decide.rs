//! The state machine of a reservation: Try, Confirm, Cancel.

use super::{Allocation, Flow, Line, Move, Reservation, State};
use crate::{
    OrderId, Sku, Timestamp,
    event::{
        Event, InventoryConfirmed, InventoryRejected, InventoryReleased, InventoryReserved,
        ReleaseReason, SkuQuantity,
    },
};

/// What can happen to a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The order was placed: hold these lines.
    Try {
        /// By SKU, ascending, each once.
        lines: Vec<SkuQuantity>,
        /// When the reservation lapses.
        expires_at: Timestamp,
    },
    /// Units were found for each line, in order: take them.
    Hold(Vec<Vec<Allocation>>),
    /// There is not enough, of this SKU if one is known.
    Refuse(Option<Sku>),
    /// The order is paid: sell what is held.
    Confirm,
    /// Units were found again for each line of a reservation that had lapsed: sell them.
    ConfirmLate(Vec<Vec<Allocation>>),
    /// There is not enough to confirm a reservation that had lapsed.
    RefuseConfirm(Option<Sku>),
    /// The order is canceled: give everything back, and say so in any case.
    Cancel,
    /// The clock: give back what has lapsed.
    Expire,
}

/// What follows from a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it took effect before, or has no meaning in this state.
    Nothing,
    /// This is the reservation from now on, the ledger moves these units, the others hear this.
    Change(Reservation, Vec<Move>, Option<Event>),
}

/// The rule's "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// What must come before has not come yet: try again later.
    #[error("the reservation is not there yet")]
    NotYet,
    /// Nothing is held (any more): find units again, then say `ConfirmLate` or `RefuseConfirm`.
    #[error("the reservation holds nothing")]
    NotHeld,
}

/// Decides what `command` does to the reservation of `order_id`.
///
/// # Errors
/// A [`Rejection`]: see there what to do.
pub fn decide(
    order_id: OrderId,
    reservation: Option<&Reservation>,
    command: Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let Some(reservation) = reservation else {
        return decide_absent(order_id, command, now);
    };
    Ok(match (reservation.state, command) {
        (State::Trying, Command::Hold(found)) => hold(reservation, found),
        (State::Trying, Command::Refuse(sku)) => reject(reservation, sku),
        (State::Trying, Command::Cancel) => release(reservation, ReleaseReason::Canceled),
        // Not `released`: a paid order waits for its stock, and only a rejection ends the wait.
        (State::Trying, Command::Expire) if now >= reservation.expires_at => {
            reject(reservation, None)
        }
        (State::Trying, Command::Confirm) => return Err(Rejection::NotYet),

        (State::Reserved, Command::Confirm) => sell(reservation, Flow::Sell),
        (State::Reserved, Command::Cancel) => release(reservation, ReleaseReason::Canceled),
        (State::Reserved, Command::Expire) if now >= reservation.expires_at => {
            release(reservation, ReleaseReason::Expired)
        }

        (State::Rejected | State::Released, Command::Confirm) => {
            return Err(Rejection::NotHeld);
        }
        (State::Rejected | State::Released, Command::ConfirmLate(found))
            if !reservation.lines.is_empty() =>
        {
            sell(&with_allocations(reservation, found), Flow::SellLate)
        }
        // The tombstone of an empty cancel has no lines: there is nothing that it could sell.
        (State::Rejected | State::Released, Command::ConfirmLate(_)) => reject(reservation, None),
        (State::Rejected | State::Released, Command::RefuseConfirm(sku)) => {
            reject(reservation, sku)
        }
        // Whoever cancels waits for the answer, also when there is nothing to give back.
        (State::Rejected | State::Released, Command::Cancel) => {
            say_released(reservation.clone(), Vec::new(), ReleaseReason::Canceled)
        }

        // A sold reservation belongs to a confirmed order, which nobody cancels.
        (State::Sold, _) => Decision::Nothing,
        // A repetition, an answer that came too late, or a lapse that is not due.
        (
            State::Trying | State::Reserved | State::Rejected | State::Released,
            Command::Try { .. }
            | Command::Hold(_)
            | Command::Refuse(_)
            | Command::ConfirmLate(_)
            | Command::RefuseConfirm(_)
            | Command::Expire,
        ) => Decision::Nothing,
    })
}

fn decide_absent(
    order_id: OrderId,
    command: Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let new =
        |state, lines, expires_at| Reservation { order_id, state, lines, expires_at, events: 0 };
    match command {
        Command::Try { lines, expires_at } => {
            let line = |line: SkuQuantity| Line {
                sku: line.sku,
                quantity: line.quantity,
                allocations: Vec::new(),
            };
            let lines = lines.into_iter().map(line).collect();
            Ok(Decision::Change(new(State::Trying, lines, expires_at), Vec::new(), None))
        }
        // A tombstone: an `order.created` that comes later reserves nothing.
        Command::Cancel => {
            let tombstone = new(State::Released, Vec::new(), now);
            Ok(say_released(tombstone, Vec::new(), ReleaseReason::Canceled))
        }
        Command::Expire => Ok(Decision::Nothing),
        Command::Hold(_)
        | Command::Refuse(_)
        | Command::Confirm
        | Command::ConfirmLate(_)
        | Command::RefuseConfirm(_) => Err(Rejection::NotYet),
    }
}

fn hold(reservation: &Reservation, found: Vec<Vec<Allocation>>) -> Decision {
    let mut next = with_allocations(reservation, found);
    next.state = State::Reserved;
    let moves = moves(&next, Flow::Reserve);
    let expires_at = next.expires_at;
    say(next, moves, InventoryReserved { expires_at }.into())
}

fn reject(reservation: &Reservation, sku: Option<Sku>) -> Decision {
    let mut next = reservation.clone();
    next.state = State::Rejected;
    say(next, Vec::new(), InventoryRejected { sku }.into())
}

fn sell(reservation: &Reservation, flow: Flow) -> Decision {
    let mut next = reservation.clone();
    next.state = State::Sold;
    let moves = moves(&next, flow);
    say(next, moves, InventoryConfirmed {}.into())
}

fn release(reservation: &Reservation, reason: ReleaseReason) -> Decision {
    let moves = moves(reservation, Flow::Release);
    let mut next = reservation.clone();
    next.state = State::Released;
    for line in &mut next.lines {
        line.allocations.clear();
    }
    say_released(next, moves, reason)
}

fn say_released(next: Reservation, moves: Vec<Move>, reason: ReleaseReason) -> Decision {
    say(next, moves, InventoryReleased { reason }.into())
}

fn say(mut next: Reservation, moves: Vec<Move>, event: Event) -> Decision {
    next.events += 1;
    Decision::Change(next, moves, Some(event))
}

fn with_allocations(reservation: &Reservation, found: Vec<Vec<Allocation>>) -> Reservation {
    assert_eq!(reservation.lines.len(), found.len(), "units are found for each line");
    let mut next = reservation.clone();
    for (line, allocations) in next.lines.iter_mut().zip(found) {
        let units: u32 = allocations.iter().map(|allocation| allocation.quantity).sum();
        assert_eq!(units, line.quantity, "a line is held whole");
        line.allocations = allocations;
    }
    next
}

fn moves(reservation: &Reservation, flow: Flow) -> Vec<Move> {
    let of_line = |line: &Line| {
        let sku = line.sku.clone();
        let allocations = line.allocations.clone();
        allocations.into_iter().map(move |Allocation { bucket, quantity }| Move {
            sku: sku.clone(),
            bucket,
            flow,
            units: quantity,
        })
    };
    reservation.lines.iter().flat_map(of_line).collect()
}
