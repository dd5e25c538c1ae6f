//! The order service, as its use cases drive its state machine.

use std::sync::Arc;

use lmall_domain::{
    event::{CancelReason, Event},
    order::{Command, Decision, LineRequest, Order, PlaceOrder, Rejection, decide, place},
};

use super::{
    Flaw, Setup,
    state::{Lane, Message},
    turn::{Handled, Turn},
};

impl Turn<'_> {
    pub(super) fn place(&mut self) -> Option<()> {
        let setup = &self.protocol.setup;
        let wish = PlaceOrder {
            id: Setup::order_id(self.case),
            customer_id: setup.customer_id.clone(),
            lines: vec![LineRequest { sku: setup.sku.clone(), quantity: 1 }],
            currency: None,
            pay_by: Setup::pay_by(),
        };
        let placed = place(wish, &[Some(setup.offer.clone())], self.now());
        let Ok(Decision::Change(order, event)) = placed else { return None };
        self.commit_order(order, event);
        Some(())
    }

    pub(super) fn customer_cancels(&mut self) -> Option<()> {
        self.cancel(CancelReason::Customer)
    }

    /// The index of open orders may be read before the order moves on, so any status may come.
    pub(super) fn cancel_overdue(&mut self) -> Option<()> {
        let due = self.case().order.as_ref().is_some_and(|order| self.now() >= order.pay_by);
        if !due || self.protocol.flaw == Some(Flaw::NoCancelScheduler) {
            return None;
        }
        self.cancel(CancelReason::PaymentTimeout)
    }

    fn cancel(&mut self, reason: CancelReason) -> Option<()> {
        let Ok(Decision::Change(order, event)) = self.decide_order(Command::Cancel(reason))? else {
            return None;
        };
        self.commit_order(order, event);
        Some(())
    }

    pub(super) fn order_hears(&mut self, lane: Lane, message: &Message) -> Handled {
        let Some(command) = Command::of(&message.event) else { return Handled::Later };
        let Some(decision) = self.decide_order(command) else { return Handled::Later };
        if let Ok(Decision::Change(order, event)) = decision {
            self.commit_order(order, event);
        }
        self.note_handled(lane, message.seq)
    }

    fn decide_order(&self, command: Command) -> Option<Result<Decision, Rejection>> {
        let order = self.case().order.as_ref()?;
        Some(decide(order, command, self.now()))
    }

    fn commit_order(&mut self, order: Order, event: Option<Event>) {
        let seq = order.events;
        self.case_mut().order = Some(Arc::new(order));
        if let Some(event) = event {
            self.write(seq, event);
        }
    }
}
