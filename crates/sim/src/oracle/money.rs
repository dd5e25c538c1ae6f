//! I3 while things move, and I8: nothing of money is believed that the provider did not say.

use lmall_app::{payment::StoredEvent, ports::Key};
use lmall_domain::payment::{Kind, Payment};

use super::{Broken, after, before, broken};
use crate::{
    aws::dynamo::{Applied, Change},
    provider::SharedProvider,
};

/// A movement that is new must be the provider's own, and its evidence stored with it.
pub(super) fn payment_changed(
    change: &Change,
    applied: &Applied,
    provider: &SharedProvider,
) -> Result<(), Broken> {
    let then: Option<Payment> = before(change)?;
    let Some(now) = after::<Payment>(change)? else {
        return broken("I3", format!("the payment of {} was deleted", change.key.partition));
    };
    let known = then.as_ref().map_or(0, |then| then.movements.len());
    for movement in now.movements.iter().skip(known) {
        let id = &movement.provider_event_id;
        let Some(said) = provider.told(id) else {
            return broken("I8", format!("event {id} is not the provider's"));
        };
        if (said.order_id, said.amount, said.kind) != (now.order_id, movement.amount, movement.kind)
        {
            return broken("I8", format!("event {id} says something else at the provider"));
        }
        let key = lmall_app::row::provider_event_key(&movement.provider, id);
        if !applied.changes.iter().any(|change| change.key == key) {
            return broken("I8", format!("event {id} is not stored with what it changed"));
        }
        let same = now.movements.iter().filter(|other| other.provider_event_id == *id).count();
        if same > 1 {
            return broken("I8", format!("event {id} moved money twice"));
        }
    }
    asked_at_most_captured(&now)
}

fn asked_at_most_captured(payment: &Payment) -> Result<(), Broken> {
    for refund in &payment.refunds {
        let currency = refund.amount.currency;
        let asked: i64 = payment
            .refunds
            .iter()
            .filter(|other| other.progress.is_asked() && other.payment_id == refund.payment_id)
            .filter(|other| other.amount.currency == currency)
            .map(|other| other.amount.amount)
            .sum();
        let captured: i64 = payment
            .movements
            .iter()
            .filter(|movement| movement.kind == Kind::Captured)
            .filter(|movement| movement.payment_id == refund.payment_id)
            .filter(|movement| movement.amount.currency == currency)
            .map(|movement| movement.amount.amount)
            .sum();
        if asked > captured {
            let (id, payment_id) = (payment.order_id, &refund.payment_id);
            return broken(
                "I3",
                format!("order {id}: {asked} of {captured} go back: {payment_id}"),
            );
        }
    }
    Ok(())
}

pub(super) fn event_stored(change: &Change, provider: &SharedProvider) -> Result<(), Broken> {
    let key: &Key = &change.key;
    match after::<StoredEvent>(change)? {
        Some(stored) if provider.told(&stored.id).is_none() => {
            broken("I8", format!("{} is stored, and not the provider's", key.partition))
        }
        Some(_) if change.before.is_some() => {
            broken("I8", format!("{} was stored over another", key.partition))
        }
        Some(_) => Ok(()),
        None => broken("I8", format!("{} was deleted", key.partition)),
    }
}
