//! The payment service, as its use cases drive its state machine.

use std::sync::Arc;

use lmall_domain::{
    Money,
    event::{Event, RefundDue},
    payment::{Command, Decision, Payment, Refund, decide},
};

use super::{
    Setup,
    action::World,
    state::{Answer, Lane, Message, Work},
    turn::{Handled, Turn},
};

const LANE: Lane = Lane::PaymentFromOrder;

impl Turn<'_> {
    pub(super) fn payment_hears(&mut self, message: &Message) -> Handled {
        let due = match &*message.event {
            Event::OrderCreated(created) => return self.expect(message.seq, created.total),
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
            | Event::CustomerErased(_) => return Handled::Later,
        };
        match due {
            Some(due) => self.begin_refund(message.seq, due),
            None => self.note_handled(LANE, message.seq),
        }
    }

    /// One event a transaction; the dedupe row is in the last one.
    fn expect(&mut self, seq: u32, total: Money) -> Handled {
        let known = self.case().payment.as_ref().is_some_and(|found| found.expected.is_some());
        self.apply_payment(Command::Expect(total));
        if known {
            self.apply_payment(Command::Settle);
        }
        let movements = self.case().payment.iter().flat_map(|payment| &payment.movements);
        if movements.into_iter().any(|movement| !movement.settled) {
            return Handled::Partly;
        }
        self.note_handled(LANE, seq)
    }

    /// Decided and durable first: what goes back stands in the row before anybody is asked.
    fn begin_refund(&mut self, seq: u32, due: &RefundDue) -> Handled {
        let fresh = !self.has_handled(LANE, seq);
        let changed = self.apply_payment(Command::RequestRefund(due.clone()));
        let Some(payment) = self.case().payment.clone() else { return Handled::Later };
        if !fresh && !changed {
            // It goes on to ask for what is not done, as a chase does: that one is explored.
            return Handled::Before;
        }
        let of_this = payment
            .refunds
            .iter()
            .filter(|refund| refund.requested_as == due.refund_id && refund.progress.is_open());
        let parts: Vec<_> = of_this.map(|refund| refund.id.clone()).collect();
        if parts.is_empty() {
            return self.note_handled(LANE, seq);
        }
        // Nothing tells apart how long the first question waits, if its process lives.
        if self.world != World::DiesBeforeAsking {
            self.case_mut().work = Some(Work { seq, parts, answer: None });
            return self.go_on_refunding().map_or(Handled::Later, |()| Handled::Partly);
        }
        self.asked = true;
        Handled::Partly
    }

    /// The next step of a refund message in hand: an answer is written down, or the provider is
    /// asked for the next part, or all are done.
    pub(super) fn go_on_refunding(&mut self) -> Option<()> {
        let mut work = self.case_mut().work.take()?;
        let seq = work.seq;
        if let Some((id, answer)) = work.answer.take() {
            self.apply_payment(note(id, answer));
            if work.parts.is_empty() {
                // Refused when it is a repetition: it was noted before.
                self.note_handled(LANE, seq);
                self.acknowledge(LANE, seq);
            } else {
                self.case_mut().work = Some(work);
            }
        } else {
            let id = work.parts.remove(0);
            let payment = self.case().payment.clone()?;
            let refund = payment.refunds.iter().find(|refund| refund.id == id)?;
            work.answer = Some((id, self.ask_provider(refund)));
            self.case_mut().work = Some(work);
        }
        Some(())
    }

    /// Asks again for a refund that is not done. Its attempt, the provider's answer and the note
    /// of it are one step here; they are apart when a message asks.
    pub(super) fn chase(&mut self, index: usize) -> Option<()> {
        let refund = self.case().payment.as_ref()?.refunds.get(index)?.clone();
        if !refund.progress.is_open() {
            return None;
        }
        self.apply_payment(Command::Attempt(refund.id.clone()));
        let answer = self.ask_provider(&refund);
        self.apply_payment(note(refund.id, answer));
        Some(())
    }

    fn ask_provider(&mut self, refund: &Refund) -> Answer {
        let answer = match self.ask() {
            World::Plain | World::GateSoldOut | World::GateWrong | World::DiesBeforeAsking => {
                Answer::Accepted
            }
            World::RefundDone => Answer::Done,
        };
        self.give_back(refund);
        answer
    }

    pub(super) fn apply_payment(&mut self, command: Command) -> bool {
        let id = Setup::order_id(self.case);
        // Its rules do not look at the time: always the same, it does not tell states apart.
        let now = Setup::placed_at();
        let before = self.case().payment.clone();
        let Ok(Decision::Change(after, event)) = decide(id, before.as_deref(), command, now) else {
            return false;
        };
        self.commit_payment(after, event);
        true
    }

    fn commit_payment(&mut self, payment: Payment, event: Option<Event>) {
        let seq = payment.events;
        self.case_mut().payment = Some(Arc::new(payment));
        if let Some(event) = event {
            self.write(seq, event);
        }
    }
}

fn note(id: lmall_domain::RefundId, answer: Answer) -> Command {
    match answer {
        Answer::Accepted => Command::Accept(id),
        Answer::Done => Command::Answer(id),
    }
}
