//! What orders say to payment.

use async_trait::async_trait;
use lmall_domain::{
    Money,
    event::{Event, Service},
    payment::{Command, Decision, Payment},
};

use super::{Payments, TABLE, decide};
use crate::{
    Changeset, Refusal,
    consumer::{Consumer, HandleError, Incoming},
    failure::{Failure, Round, committed, rounds},
    topology::Queue,
};

#[async_trait]
impl Consumer for Payments {
    fn queue(&self) -> Queue {
        Queue::Payment
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let refund_due = match &incoming.envelope.event {
            Event::OrderCreated(created) => {
                return Ok(self.expect(&incoming, created.total).await?);
            }
            Event::OrderConfirmed(confirmed) => confirmed.refund_due.as_ref(),
            Event::OrderCanceled(canceled) => canceled.refund_due.as_ref(),
            Event::OrderRefundRequested(requested) => Some(&requested.refund_due),
            Event::OrderCancelRequested(_)
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
            | Event::CustomerErased(_) => {
                return Err(incoming.not_consumed_by(Service::Payment));
            }
        };
        if let Some(due) = refund_due {
            self.refund(incoming.order_id()?, due, &incoming.trace).await?;
        }
        Ok(incoming.note_handled(&*self.store, &*self.clock, TABLE).await?)
    }
}

impl Payments {
    /// The order is known from now on: what providers said of it before settles, one event a
    /// transaction; the dedupe row is in the last one.
    async fn expect(&self, incoming: &Incoming, total: Money) -> Result<(), Failure> {
        let order_id = incoming.order_id()?;
        // Nearly always nothing is known of the order yet: what is there is read only when the
        // first round is refused.
        let mut look = false;
        let mut command = Command::Expect(total);
        loop {
            let next = command.clone();
            let salt = order_id.get();
            let round = || {
                let look = std::mem::replace(&mut look, true);
                self.expect_round(incoming, &next, look)
            };
            if !rounds(&*self.clock, salt, round).await? {
                return Ok(());
            }
            command = Command::Settle;
        }
    }

    /// Whether something is left to settle. Without a `look`, nothing was there before.
    async fn expect_round(
        &self,
        incoming: &Incoming,
        command: &Command,
        look: bool,
    ) -> Result<Round<bool>, Failure> {
        let now = self.clock.now();
        let order_id = incoming.order_id()?;
        let before = if look { self.load(order_id).await? } else { None };
        let current = before.as_ref().map(|before| &before.value);
        let decision = decide(order_id, current, command.clone(), now)
            .map_err(|rejection| Failure::Never(rejection.to_string()))?;
        let left = match (&decision, current) {
            (Decision::Change(next, _), _) => unsettled(next),
            (Decision::Nothing, Some(current)) => unsettled(current),
            (Decision::Nothing, None) => false,
        };
        if left && decision == Decision::Nothing {
            return Ok(Round::Done(true));
        }
        let mut changes = Changeset::new();
        if !left {
            let handled = incoming.dedupe_row(TABLE, now);
            changes = changes.insert(handled, Refusal::AlreadyHandled);
        }
        if let Decision::Change(next, event) = decision {
            let trace = incoming.trace.clone();
            changes = Self::write(changes, before.as_ref(), &next, event, now, trace);
        }
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(left),
            Err(Refusal::AlreadyHandled) => Round::Done(false),
            Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
        })
    }
}

fn unsettled(payment: &Payment) -> bool {
    payment.movements.iter().any(|movement| !movement.settled)
}
