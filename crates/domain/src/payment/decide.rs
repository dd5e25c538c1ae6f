//! The state machine of a payment.
//!
//! Providers deliver late, doubled and out of order. So a movement is stored first, whatever
//! came before it, and settles (is told to the order service) one event a command.

use super::{Kind, Movement, Payment, Progress, Refund};
use crate::{
    Money, OrderId, PaymentId, ProviderName, RefundId, Timestamp,
    event::{Event, PaymentCaptured, PaymentFailed, PaymentRefunded, RefundDue},
    limits::MOVEMENTS_MAX,
};

/// What can happen to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The order was placed, and costs so much.
    Expect(Money),
    /// A provider's event came.
    Record(Movement),
    /// Tell the order service of the oldest movement that it has not heard of.
    Settle,
    /// The order wants money given back.
    RequestRefund(RefundDue),
    /// This refund is being sent to its provider, now.
    Attempt(RefundId),
    /// The provider took it; its webhook will say when it is done.
    Accept(RefundId),
    /// The provider's answer says that it is done.
    Answer(RefundId),
    /// The provider will never do it.
    Refuse(RefundId),
}

/// What follows from a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it took effect before, or has no meaning in this state.
    Nothing,
    /// This is the payment from now on, and this is what the others hear.
    Change(Payment, Option<Event>),
}

/// The rule's "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The row would grow past what an item may hold.
    #[error("more than {MOVEMENTS_MAX} provider events for one order")]
    TooManyMovements,
}

/// Decides what `command` does to the payment of `order_id`.
///
/// # Errors
/// [`Rejection::TooManyMovements`], of [`Command::Record`].
pub fn decide(
    order_id: OrderId,
    payment: Option<&Payment>,
    command: Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let absent = payment.is_none();
    let payment = payment.cloned().unwrap_or_else(|| Payment::new(order_id));
    Ok(match command {
        Command::Expect(_) if payment.expected.is_some() => Decision::Nothing,
        Command::Expect(total) => settle(Payment { expected: Some(total), ..payment }),
        Command::Record(movement) => return record(payment, movement),
        Command::Settle => {
            if absent || payment.expected.is_none() || next_unsettled(&payment).is_none() {
                Decision::Nothing
            } else {
                settle(payment)
            }
        }
        Command::RequestRefund(due) => request_refund(payment, &due, now),
        Command::Attempt(id) => progress(payment, &id, Some(now), Progress::Requested),
        Command::Accept(id) => progress(payment, &id, None, Progress::Accepted),
        Command::Answer(id) => answer(payment, &id),
        Command::Refuse(id) => progress(payment, &id, None, Progress::Refused),
    })
}

fn record(mut payment: Payment, movement: Movement) -> Result<Decision, Rejection> {
    let same = |other: &Movement| {
        other.provider == movement.provider && other.provider_event_id == movement.provider_event_id
    };
    if payment.movements.iter().any(same) {
        return Ok(Decision::Nothing);
    }
    if payment.movements.len() >= MOVEMENTS_MAX {
        return Err(Rejection::TooManyMovements);
    }
    payment.movements.push(movement);
    Ok(settle(payment))
}

fn next_unsettled(payment: &Payment) -> Option<usize> {
    payment.movements.iter().position(|movement| !movement.settled)
}

/// Settles the oldest movement that the order service has not heard of, if the order is known.
fn settle(mut payment: Payment) -> Decision {
    let Some(index) = next_unsettled(&payment).filter(|_| payment.expected.is_some()) else {
        return Decision::Change(payment, None);
    };
    payment.movements[index].settled = true;
    let movement = payment.movements[index].clone();
    let event = match movement.kind {
        Kind::Captured => Some(captured(movement)),
        Kind::Failed => Some(failed(movement)),
        Kind::Refunded => refunded(&mut payment, movement),
    };
    payment.events += u32::from(event.is_some());
    Decision::Change(payment, event)
}

fn captured(movement: Movement) -> Event {
    PaymentCaptured {
        provider: movement.provider,
        provider_event_id: movement.provider_event_id,
        payment_id: movement.payment_id,
        amount: movement.amount,
    }
    .into()
}

fn failed(movement: Movement) -> Event {
    PaymentFailed { provider: movement.provider, provider_event_id: movement.provider_event_id }
        .into()
}

/// A refund whose answer said that it is done was told of already: its webhook is no news.
fn refunded(payment: &mut Payment, movement: Movement) -> Option<Event> {
    let refund = matching_refund(payment, &movement);
    let was_answered = refund.as_ref().is_some_and(|refund| refund.progress == Progress::Answered);
    let refund_id = refund.map(|refund| {
        refund.progress = Progress::Settled;
        refund.requested_as.clone()
    });
    let Movement { provider, amount, .. } = movement;
    (!was_answered).then(|| PaymentRefunded { provider, refund_id, amount }.into())
}

/// The refund that a provider's webhook speaks of: the one it names; else one of the same
/// payment and amount that no webhook has settled.
fn matching_refund<'a>(payment: &'a mut Payment, movement: &Movement) -> Option<&'a mut Refund> {
    let unsettled = |refund: &Refund| refund.progress != Progress::Settled;
    payment.refunds.iter_mut().find(|refund| {
        unsettled(refund)
            && refund.provider == movement.provider
            && refund.amount == movement.amount
            && match &movement.refund_id {
                Some(id) => refund.id == *id,
                None => refund.payment_id == movement.payment_id,
            }
    })
}

fn request_refund(mut payment: Payment, due: &RefundDue, now: Timestamp) -> Decision {
    if payment.refunds.iter().any(|refund| refund.requested_as == due.refund_id) {
        return Decision::Nothing;
    }
    let parts = split(&payment, due.amount);
    if parts.is_empty() {
        return Decision::Nothing;
    }
    for (part, (provider, payment_id, amount)) in parts.into_iter().enumerate() {
        payment.refunds.push(Refund {
            id: due.refund_id.part(part),
            requested_as: due.refund_id.clone(),
            provider,
            payment_id,
            amount,
            progress: Progress::Requested,
            attempted_at: now,
        });
    }
    Decision::Change(payment, None)
}

/// Spreads `amount` over the captures of its currency, newest first (a surplus came last), and
/// never takes more than a capture has left: refunds never exceed captures.
fn split(payment: &Payment, amount: Money) -> Vec<(ProviderName, PaymentId, Money)> {
    let payment = &matched(payment);
    let mut missing = amount.amount;
    let mut parts: Vec<(ProviderName, PaymentId, Money)> = Vec::new();
    for movement in payment.movements.iter().rev() {
        let seen = parts.iter().any(|(provider, payment_id, _)| {
            *provider == movement.provider && *payment_id == movement.payment_id
        });
        if seen || movement.kind != Kind::Captured || movement.amount.currency != amount.currency {
            continue;
        }
        let units = refundable(payment, movement, amount).min(missing);
        if units > 0 {
            let part = Money::new(units, amount.currency);
            parts.push((movement.provider.clone(), movement.payment_id.clone(), part));
            missing -= units;
        }
    }
    parts
}

/// The payment as it will be once all that providers said of refunds has settled: a refund of
/// ours that a webhook waits to tell of must not count a second time, as one of the provider's own.
fn matched(payment: &Payment) -> Payment {
    let mut matched = payment.clone();
    let waiting = |movement: &&Movement| !movement.settled && movement.kind == Kind::Refunded;
    for movement in payment.movements.iter().filter(waiting) {
        if let Some(refund) = matching_refund(&mut matched, movement) {
            refund.progress = Progress::Settled;
        }
    }
    matched
}

/// What is left of the provider's payment: its captures less the refunds asked for, less those
/// that the provider made on its own.
fn refundable(payment: &Payment, of: &Movement, amount: Money) -> i64 {
    let same = |movement: &&Movement| {
        movement.provider == of.provider
            && movement.payment_id == of.payment_id
            && movement.amount.currency == amount.currency
    };
    let sum = |kind| {
        let movements = payment.movements.iter().filter(same);
        saturating_sum(movements.filter(|other| other.kind == kind).map(|other| other.amount))
    };
    let asked = |settled: bool| {
        let refunds = payment
            .refunds
            .iter()
            .filter(|refund| refund.provider == of.provider && refund.payment_id == of.payment_id)
            .filter(|refund| refund.amount.currency == amount.currency)
            .filter(|refund| !settled || refund.progress == Progress::Settled);
        saturating_sum(refunds.map(|refund| refund.amount))
    };
    let on_its_own = sum(Kind::Refunded).saturating_sub(asked(true)).max(0);
    sum(Kind::Captured).saturating_sub(asked(false)).saturating_sub(on_its_own)
}

/// What a provider writes may be absurd, and is no reason to panic.
fn saturating_sum(amounts: impl Iterator<Item = Money>) -> i64 {
    amounts.fold(0, |sum, money| money.amount.saturating_add(sum))
}

fn progress(
    mut payment: Payment,
    id: &RefundId,
    attempted_at: Option<Timestamp>,
    progress: Progress,
) -> Decision {
    let Some(refund) = payment.refunds.iter_mut().find(|refund| refund.id == *id) else {
        return Decision::Nothing;
    };
    if !refund.progress.is_open() || (refund.progress == progress && attempted_at.is_none()) {
        return Decision::Nothing;
    }
    // Sending a refund again does not make the provider's word undone.
    if attempted_at.is_none() {
        refund.progress = progress;
    }
    refund.attempted_at = attempted_at.unwrap_or(refund.attempted_at);
    Decision::Change(payment, None)
}

fn answer(mut payment: Payment, id: &RefundId) -> Decision {
    let open = |refund: &&mut Refund| refund.id == *id && refund.progress.is_open();
    let Some(refund) = payment.refunds.iter_mut().find(open) else {
        return Decision::Nothing;
    };
    refund.progress = Progress::Answered;
    let event = PaymentRefunded {
        provider: refund.provider.clone(),
        refund_id: Some(refund.requested_as.clone()),
        amount: refund.amount,
    };
    payment.events += 1;
    Decision::Change(payment, Some(event.into()))
}
