//! What providers and inventory say of an order; and what is said of products.

use async_trait::async_trait;
use lmall_domain::{
    OrderId,
    event::{Event, Service},
    order::{Command, Decision, Order},
};

use super::{Orders, TABLE, decide};
use crate::{
    Changeset, Refusal,
    consumer::{Consumer, HandleError, Incoming, Place},
    failure::{Failure, Round, committed, rounds},
    topology::Queue,
};

#[async_trait]
impl Consumer for Orders {
    fn queue(&self) -> Queue {
        Queue::Order
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        if let Event::ProductChanged(changed) = &incoming.envelope.event {
            return Ok(self.hear_of_product(&incoming, changed).await?);
        }
        if let Event::CustomerMerged(merged) = &incoming.envelope.event {
            return Ok(self.adopt(&incoming, &merged.into).await?);
        }
        let command = Command::of(&incoming.envelope.event)
            .ok_or_else(|| incoming.not_consumed_by(Service::Order))?;
        let order_id = incoming.order_id()?;
        let settle = || self.settle_round(&incoming, order_id, command);
        Ok(rounds(&*self.clock, order_id.get(), settle).await?)
    }
}

impl Orders {
    async fn settle_round(
        &self,
        incoming: &Incoming,
        order_id: OrderId,
        command: Command,
    ) -> Result<Round<()>, Failure> {
        let now = self.clock.now();
        let before =
            self.load(order_id).await?.ok_or(Failure::NotYet("the order is not known yet"))?;
        // A repeated event is decided on like a new one; its dedupe row refuses the commit.
        let handled = |order: &Order, version, turn| {
            let place = Place { events: order.events, turn, version };
            let row = incoming.trail_row(TABLE, now, place);
            Changeset::new().insert(row, Refusal::AlreadyHandled)
        };
        let mut after = None;
        let changes = match decide(&before.value, command, now) {
            Ok(Decision::Change(order, event)) => {
                let turn = if event.is_some() { 0 } else { 2 };
                let changes = handled(&order, before.version + 1, turn);
                let order = after.insert(order);
                Self::write(changes, Some(&before), order, event, now, incoming.trace.clone())
            }
            // Noted all the same: a repetition in another state must do nothing either.
            Ok(Decision::Nothing) | Err(_) => handled(&before.value, before.version, 2),
        };
        let outcome = committed(self.store.commit(changes).await)?;
        if let (Ok(()), Some(order)) = (&outcome, &after) {
            self.unremind(order).await;
        }
        Ok(match outcome {
            Ok(()) | Err(Refusal::AlreadyHandled) => Round::Done(()),
            Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
        })
    }
}
