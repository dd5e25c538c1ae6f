//! The inventory service, as its use cases drive its state machine.

use std::sync::Arc;

use lmall_domain::{
    event::{Event, OrderCreated},
    stock::{
        Allocation, Bucket, Command, Decision, Line, Move, Rejection, Reservation, State, allocate,
        decide,
    },
};

use super::{
    Flaw, Setup,
    action::World,
    state::{Lane, Message},
    turn::{Handled, Turn},
};

const LANE: Lane = Lane::InventoryFromOrder;

/// What came of a command.
enum Applied {
    Done,
    /// The ledger does not have what was to be taken.
    NotEnough,
    NotHeld,
    NotYet,
}

/// Units for each line, or not.
type Found = Option<Vec<Vec<Allocation>>>;

impl Turn<'_> {
    pub(super) fn inventory_hears(&mut self, message: &Message) -> Handled {
        match &*message.event {
            Event::OrderCreated(created) => self.reserve(message, created),
            Event::OrderConfirmed(_) => self.confirm(message),
            Event::OrderCancelRequested(_) => {
                if let Applied::NotYet = self.apply_stock(Command::Cancel) {
                    return Handled::Later;
                }
                self.note_handled(LANE, message.seq)
            }
            Event::OrderCanceled(_)
            | Event::OrderRefundRequested(_)
            | Event::InventoryReserved(_)
            | Event::InventoryRejected(_)
            | Event::InventoryReleased(_)
            | Event::InventoryConfirmed(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentFailed(_)
            | Event::PaymentRefunded(_)
            | Event::ProductChanged(_)
            | Event::CustomerMailRequested(_)
            | Event::CustomerMerged(_)
            | Event::CustomerErased(_) => Handled::Later,
        }
    }

    /// The intent, a transaction of its own; when the message comes again, the outcome.
    fn reserve(&mut self, message: &Message, created: &OrderCreated) -> Handled {
        let Some(reservation) = self.case().reservation.clone() else {
            let expires_at = created.pay_by.after(Setup::grace());
            let lines = created.lines.clone();
            self.apply_stock(Command::Try { lines, expires_at });
            return Handled::Partly;
        };
        // Also when the outcome came from elsewhere since the intent: it may be in between.
        let found = self.find(&reservation.lines, true);
        let command = found.map_or_else(|| refuse(&reservation), Command::Hold);
        if let Applied::NotEnough = self.apply_stock(command) {
            let found = self.find(&reservation.lines, false);
            self.apply_stock(found.map_or_else(|| refuse(&reservation), Command::Hold));
        }
        self.note_handled(LANE, message.seq)
    }

    fn confirm(&mut self, message: &Message) -> Handled {
        match self.apply_stock(Command::Confirm) {
            Applied::Done | Applied::NotEnough => {}
            Applied::NotYet => return Handled::Later,
            Applied::NotHeld => self.confirm_late(),
        }
        self.note_handled(LANE, message.seq)
    }

    fn confirm_late(&mut self) {
        let Some(reservation) = self.case().reservation.clone() else { return };
        let refuse = || {
            let first = reservation.lines.first();
            Command::RefuseConfirm(first.map(|line| line.sku.clone()))
        };
        let found = self.find(&reservation.lines, true);
        let command = found.map_or_else(refuse, Command::ConfirmLate);
        if let Applied::NotEnough = self.apply_stock(command) {
            let found = self.find(&reservation.lines, false);
            self.apply_stock(found.map_or_else(refuse, Command::ConfirmLate));
        }
    }

    /// The index of what lapses may be read before the reservation moves on, so any state may come.
    pub(super) fn expire(&mut self) -> Option<()> {
        let reservation = self.case().reservation.as_ref()?;
        if self.now() < reservation.expires_at {
            return None;
        }
        self.apply_stock(Command::Expire);
        Some(())
    }

    /// Asks the gate, or the ledger alone. The gate's counters are not in the model: it knows
    /// what the ledger knows, or is wrong in one of two ways.
    fn find(&mut self, lines: &[Line], ask_gate: bool) -> Found {
        let trying = |state| matches!(state, State::Trying | State::Rejected | State::Released);
        let asks = self.case().reservation.as_ref().is_some_and(|found| trying(found.state));
        let world = if ask_gate && asks { self.ask() } else { World::Plain };
        let id = Setup::order_id(self.case);
        let bucket = match world {
            World::Plain | World::RefundDone | World::DiesBeforeAsking => self.state.bucket,
            World::GateSoldOut => Bucket::default(),
            World::GateWrong => Bucket { available: i64::MAX, ..Bucket::default() },
        };
        lines.iter().map(|line| allocate(&[(0, bucket.available)], id, line.quantity)).collect()
    }

    /// Decides, and commits rows and ledger in one transaction; the caller adds the dedupe row.
    fn apply_stock(&mut self, command: Command) -> Applied {
        let id = Setup::order_id(self.case);
        let (now, canceling) = (self.now(), command == Command::Cancel);
        let before = self.case().reservation.clone();
        let (after, moves, event) = match decide(id, before.as_deref(), command, now) {
            Ok(Decision::Change(after, moves, event)) => (after, moves, event),
            Ok(Decision::Nothing) => return Applied::Done,
            Err(Rejection::NotHeld) => return Applied::NotHeld,
            Err(Rejection::NotYet) => return Applied::NotYet,
        };
        let silent = canceling && self.protocol.flaw == Some(Flaw::CancelKeepsStock);
        match self.moved(if silent { &[] } else { &moves }) {
            Some(bucket) => self.state.bucket = bucket,
            None => return Applied::NotEnough,
        }
        let seq = after.events;
        self.case_mut().reservation = Some(Arc::new(after));
        let unsaid = canceling && self.protocol.flaw == Some(Flaw::CancelUnanswered);
        if let Some(event) = event.filter(|_| !unsaid) {
            self.write(seq, event);
        }
        Applied::Done
    }

    /// The ledger after `moves`; `None` when its condition refuses one of them.
    fn moved(&self, moves: &[Move]) -> Option<Bucket> {
        let mut bucket = self.state.bucket;
        for Move { flow, units, .. } in moves {
            for (name, delta) in flow.deltas(i64::from(*units)) {
                let counter = match name {
                    "available" => &mut bucket.available,
                    "reserved" => &mut bucket.reserved,
                    _ => &mut bucket.sold,
                };
                *counter += delta;
                let trusted = self.protocol.flaw == Some(Flaw::GateTrusted);
                if *counter < 0 && !trusted {
                    return None;
                }
            }
        }
        Some(bucket)
    }
}

fn refuse(reservation: &Reservation) -> Command {
    Command::Refuse(reservation.lines.first().map(|line| line.sku.clone()))
}
