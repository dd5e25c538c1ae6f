//! The state machine of a payment.
//!
//! Providers deliver late, doubled and out of order. So a movement is stored first, whatever
//! came before it, and settles (is told to the order service) one event a command.

use super::{Kind, Movement, Payment, Progress, Refund};
use crate::{
    Money, OrderId, PaymentId, ProviderName, RefundId, Timestamp,
    event::{Event, PaymentCaptured, PaymentFailed, PaymentRefunded, RefundDue},
    limits::MOVEMENTS_MAX,
    money::Currency,
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
        Command::Expect(total) => settle(Payment { expected: Some(total), ..payment }, now),
        Command::Record(movement) => return record(payment, movement, now),
        Command::Settle => {
            if absent || payment.expected.is_none() || next_unsettled(&payment).is_none() {
                Decision::Nothing
            } else {
                settle(payment, now)
            }
        }
        Command::RequestRefund(due) => request_refund(payment, &due, now),
        Command::Attempt(id) => progress(payment, &id, Some(now), Progress::Requested),
        Command::Accept(id) => progress(payment, &id, None, Progress::Accepted),
        Command::Answer(id) => answer(payment, &id),
        Command::Refuse(id) => refuse(payment, &id, now),
    })
}

fn record(mut payment: Payment, movement: Movement, now: Timestamp) -> Result<Decision, Rejection> {
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
    Ok(settle(payment, now))
}

fn next_unsettled(payment: &Payment) -> Option<usize> {
    payment.movements.iter().position(|movement| !movement.settled)
}

/// Settles the oldest movement that the order service has not heard of, if the order is known.
fn settle(mut payment: Payment, now: Timestamp) -> Decision {
    let Some(index) = next_unsettled(&payment).filter(|_| payment.expected.is_some()) else {
        return Decision::Change(payment, None);
    };
    payment.movements[index].settled = true;
    let movement = payment.movements[index].clone();
    let event = match movement.kind {
        Kind::Captured => Some(captured(movement)),
        Kind::Failed => Some(failed(movement)),
        Kind::Refunded => refunded(&mut payment, movement, now),
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
/// One that answers no refund of ours may explain why the provider refused one.
fn refunded(payment: &mut Payment, movement: Movement, now: Timestamp) -> Option<Event> {
    let refund = matching_refund(payment, &movement);
    let was_answered = refund.as_ref().is_some_and(|refund| refund.progress == Progress::Answered);
    let refund_id = refund.map(|refund| {
        refund.progress = Progress::Settled;
        refund.requested_as.clone()
    });
    replace_refused(payment, now);
    let Movement { provider, amount, .. } = movement;
    (!was_answered).then(|| PaymentRefunded { provider, refund_id, amount }.into())
}

/// The refund that a provider's webhook speaks of: the one it names; else one of the same
/// payment and amount that no webhook has settled. One that was replaced is not waited for.
fn matching_refund<'a>(payment: &'a mut Payment, movement: &Movement) -> Option<&'a mut Refund> {
    let unsettled =
        |refund: &Refund| refund.progress.is_asked() && refund.progress != Progress::Settled;
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
    let mut missing = amount.amount;
    let mut parts: Vec<(ProviderName, PaymentId, Money)> = Vec::new();
    for movement in payment.movements.iter().rev() {
        let seen = parts.iter().any(|(provider, payment_id, _)| {
            *provider == movement.provider && *payment_id == movement.payment_id
        });
        if seen || movement.kind != Kind::Captured || movement.amount.currency != amount.currency {
            continue;
        }
        let (provider, payment_id) = (&movement.provider, &movement.payment_id);
        let units = refundable(payment, provider, payment_id, amount.currency).min(missing);
        if units > 0 {
            let part = Money::new(units, amount.currency);
            parts.push((provider.clone(), payment_id.clone(), part));
            missing -= units;
        }
    }
    parts
}

/// What is left of the provider's payment: its captures less the refunds asked for, less those
/// that the provider made on its own. Below zero if both together are more than came.
///
/// A webhook of a refund counts once it is told of, for only then is it decided which refund it
/// answers. One that counted before could make room for a part of just its own amount, and then
/// answer that part, which nobody would ask for.
fn refundable(
    payment: &Payment,
    provider: &ProviderName,
    payment_id: &PaymentId,
    currency: Currency,
) -> i64 {
    let sum = |kind| {
        let movements = payment.movements.iter().filter(|movement| {
            movement.kind == kind
                && (movement.settled || kind != Kind::Refunded)
                && movement.provider == *provider
                && movement.payment_id == *payment_id
                && movement.amount.currency == currency
        });
        saturating_sum(movements.map(|movement| movement.amount))
    };
    let asked = |settled: bool| {
        let refunds = payment
            .refunds
            .iter()
            .filter(|refund| refund.provider == *provider && refund.payment_id == *payment_id)
            .filter(|refund| refund.amount.currency == currency && refund.progress.is_asked())
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

fn refuse(payment: Payment, id: &RefundId, now: Timestamp) -> Decision {
    match progress(payment, id, None, Progress::Refused) {
        Decision::Change(mut payment, event) => {
            replace_refused(&mut payment, now);
            Decision::Change(payment, event)
        }
        Decision::Nothing => Decision::Nothing,
    }
}

/// Replaces each refused refund that asks for more than its capture has left, since the provider
/// gave money back on its own, by a part that asks for what is left. Where enough is left, the
/// provider refused for another reason, or its webhook is still to come.
fn replace_refused(payment: &mut Payment, now: Timestamp) {
    for index in 0..payment.refunds.len() {
        let refund = payment.refunds[index].clone();
        if refund.progress != Progress::Refused {
            continue;
        }
        let Refund { provider, payment_id, amount, .. } = &refund;
        let over = refundable(payment, provider, payment_id, amount.currency);
        if over >= 0 {
            continue;
        }
        payment.refunds[index].progress = Progress::Replaced;
        let left = amount.amount.saturating_add(over);
        if left > 0 {
            let same = |other: &&Refund| other.requested_as == refund.requested_as;
            payment.refunds.push(Refund {
                id: refund.requested_as.part(payment.refunds.iter().filter(same).count()),
                amount: Money::new(left, amount.currency),
                progress: Progress::Requested,
                attempted_at: now,
                ..refund
            });
        }
    }
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
