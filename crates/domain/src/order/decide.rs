//! The state machine of an order.

use super::{Order, Status, Stock};
use crate::{
    Money, RefundId, Timestamp,
    event::{
        CancelReason, Event, OrderCancelRequested, OrderCanceled, OrderConfirmed,
        OrderRefundRequested, RefundDue,
    },
};

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A provider captured money for it.
    NoteCapture(Money),
    /// A provider could not capture.
    NoteFailure,
    /// A provider gave money back.
    NoteRefund(Money),
    /// Inventory holds all its lines.
    NoteReserved,
    /// Inventory cannot hold or confirm its lines.
    NoteRejected,
    /// Inventory holds nothing for it.
    NoteReleased,
    /// Inventory has sold its lines.
    NoteSold,
    /// Its customer or the clock wants it canceled.
    Cancel(CancelReason),
}

impl Command {
    /// What an event of another service means for an order; `None` for an event that means
    /// nothing to it.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::InventoryReserved(_) => Some(Self::NoteReserved),
            Event::InventoryRejected(_) => Some(Self::NoteRejected),
            Event::InventoryReleased(_) => Some(Self::NoteReleased),
            Event::InventoryConfirmed(_) => Some(Self::NoteSold),
            Event::PaymentCaptured(captured) => Some(Self::NoteCapture(captured.amount)),
            Event::PaymentFailed(_) => Some(Self::NoteFailure),
            Event::PaymentRefunded(refunded) => Some(Self::NoteRefund(refunded.amount)),
            Event::OrderCreated(_)
            | Event::OrderCancelRequested(_)
            | Event::OrderConfirmed(_)
            | Event::OrderCanceled(_)
            | Event::OrderRefundRequested(_)
            | Event::ProductChanged(_)
            | Event::CustomerMailRequested(_)
            | Event::CustomerMerged(_)
            | Event::CustomerErased(_) => None,
        }
    }
}

/// What follows from a command.
#[expect(clippy::large_enum_variant, reason = "there is one of it, for a moment")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it took effect before, or has no meaning in this state.
    Nothing,
    /// This is the order from now on, and this is what the others hear.
    Change(Order, Option<Event>),
}

/// The rule's "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A paid order is not canceled; returns are another flow.
    #[error("the order is {} and can no longer be canceled", .0.name())]
    NotCancelable(Status),
    /// The payment deadline has not passed.
    #[error("the order can still be paid")]
    NotDue,
}

/// What the command itself makes the order say; a refund that is due travels with it.
enum Say {
    Nothing,
    CancelRequested(CancelReason),
    Confirmed,
    Canceled(CancelReason),
}

/// Decides what `command` does to `order`.
///
/// # Errors
/// A [`Rejection`] of a cancellation. What providers and inventory say is never refused.
pub fn decide(order: &Order, command: Command, now: Timestamp) -> Result<Decision, Rejection> {
    Ok(match command {
        Command::NoteCapture(money) => note_capture(order, money),
        Command::NoteFailure => Decision::Nothing,
        Command::NoteRefund(money) => note_refund(order, money),
        Command::NoteReserved => note_reserved(order),
        Command::NoteRejected => note_rejected(order),
        Command::NoteReleased => note_released(order),
        Command::NoteSold => note_sold(order),
        Command::Cancel(reason) => return cancel(order, reason, now),
    })
}

fn note_capture(order: &Order, money: Money) -> Decision {
    if money.currency != order.total.currency {
        return refund_foreign(order, money);
    }
    let mut next = order.clone();
    next.captured = next.captured.saturating_add(money.amount);
    let paid = next.captured >= next.total.amount;
    match (order.status, order.stock) {
        (Status::Pending, Stock::Held) if paid => {
            next.status = Status::Confirmed;
            conclude(next, Say::Confirmed)
        }
        (Status::Pending, _) if paid => {
            next.status = Status::Paid;
            conclude(next, Say::Nothing)
        }
        (
            Status::Pending
            | Status::Paid
            | Status::Confirmed
            | Status::Canceling
            | Status::Canceled,
            _,
        ) => conclude(next, Say::Nothing),
    }
}

fn note_refund(order: &Order, money: Money) -> Decision {
    if money.currency != order.total.currency {
        return Decision::Nothing;
    }
    let mut next = order.clone();
    next.refunded = next.refunded.saturating_add(money.amount);
    Decision::Change(next, None)
}

fn note_reserved(order: &Order) -> Decision {
    let mut next = order.clone();
    match (order.status, order.stock) {
        (Status::Pending, Stock::Held) => Decision::Nothing,
        (Status::Pending, Stock::Pending | Stock::Refused | Stock::Released | Stock::Sold) => {
            next.stock = Stock::Held;
            Decision::Change(next, None)
        }
        (Status::Paid, _) => {
            next.stock = Stock::Held;
            next.status = Status::Confirmed;
            conclude(next, Say::Confirmed)
        }
        (Status::Confirmed | Status::Canceling | Status::Canceled, _) => Decision::Nothing,
    }
}

fn note_rejected(order: &Order) -> Decision {
    match (order.status, order.stock) {
        // A held order was reserved; only a failed confirmation could take that back.
        (Status::Pending, Stock::Held) | (Status::Canceled, _) => Decision::Nothing,
        (Status::Pending | Status::Paid | Status::Confirmed | Status::Canceling, _) => {
            end(order, Stock::Refused, CancelReason::OutOfStock)
        }
    }
}

fn note_released(order: &Order) -> Decision {
    match (order.status, order.stock) {
        (Status::Pending, Stock::Held) => {
            end(order, Stock::Released, CancelReason::ReservationExpired)
        }
        (Status::Canceling, _) => end(order, Stock::Released, CancelReason::Customer),
        (Status::Pending | Status::Paid | Status::Confirmed | Status::Canceled, _) => {
            Decision::Nothing
        }
    }
}

fn note_sold(order: &Order) -> Decision {
    match (order.status, order.stock) {
        (Status::Confirmed, Stock::Sold)
        | (Status::Pending | Status::Paid | Status::Canceling | Status::Canceled, _) => {
            Decision::Nothing
        }
        (Status::Confirmed, Stock::Pending | Stock::Held | Stock::Refused | Stock::Released) => {
            let mut next = order.clone();
            next.stock = Stock::Sold;
            Decision::Change(next, None)
        }
    }
}

fn cancel(order: &Order, reason: CancelReason, now: Timestamp) -> Result<Decision, Rejection> {
    match order.status {
        Status::Pending if reason == CancelReason::PaymentTimeout && now < order.pay_by => {
            Err(Rejection::NotDue)
        }
        Status::Pending => {
            let mut next = order.clone();
            next.status = Status::Canceling;
            next.cancel_reason = Some(reason);
            Ok(conclude(next, Say::CancelRequested(reason)))
        }
        Status::Paid | Status::Confirmed => Err(Rejection::NotCancelable(order.status)),
        Status::Canceling | Status::Canceled => Ok(Decision::Nothing),
    }
}

/// Ends the order; an earlier reason of its cancellation stands.
fn end(order: &Order, stock: Stock, reason: CancelReason) -> Decision {
    let mut next = order.clone();
    let reason = order.cancel_reason.unwrap_or(reason);
    next.status = Status::Canceled;
    next.stock = stock;
    next.cancel_reason = Some(reason);
    conclude(next, Say::Canceled(reason))
}

/// Money in another currency than the total's is given back whole and changes nothing else.
fn refund_foreign(order: &Order, money: Money) -> Decision {
    let mut next = order.clone();
    next.refunds += 1;
    let refund_due = RefundDue { refund_id: RefundId::of(order.id, next.refunds), amount: money };
    say(next, OrderRefundRequested { refund_due }.into())
}

/// Writes the command's one event, with the refund that is due now, if any.
fn conclude(mut order: Order, what: Say) -> Decision {
    match what {
        // Its stock is still out. The order ends in any case, and that event carries the refund.
        Say::CancelRequested(reason) => say(order, OrderCancelRequested { reason }.into()),
        Say::Confirmed => {
            let refund_due = request_refund(&mut order);
            let customer_id = Some(order.customer_id.clone());
            let lines = order.sku_quantities();
            say(order, OrderConfirmed { customer_id, lines, refund_due }.into())
        }
        Say::Canceled(reason) => {
            let refund_due = request_refund(&mut order);
            say(order, OrderCanceled { reason, refund_due }.into())
        }
        Say::Nothing => match request_refund(&mut order) {
            Some(refund_due) => say(order, OrderRefundRequested { refund_due }.into()),
            None => Decision::Change(order, None),
        },
    }
}

/// What is to be given back: `captured - kept - requested before`.
fn request_refund(order: &mut Order) -> Option<RefundDue> {
    let kept = match order.status {
        Status::Pending | Status::Paid | Status::Confirmed => order.total.amount,
        Status::Canceling | Status::Canceled => 0,
    };
    let due = order.captured.saturating_sub(kept).saturating_sub(order.refund_requested);
    if due <= 0 {
        return None;
    }
    order.refund_requested = order.refund_requested.saturating_add(due);
    order.refunds += 1;
    let amount = Money::new(due, order.total.currency);
    Some(RefundDue { refund_id: RefundId::of(order.id, order.refunds), amount })
}

fn say(mut order: Order, event: Event) -> Decision {
    order.events += 1;
    Decision::Change(order, Some(event))
}
