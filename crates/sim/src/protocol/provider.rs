//! The buyer and the payment provider: what they do, and what the provider writes down of it.

use lmall_domain::{
    Money, PaymentId,
    payment::{Command, Kind, Movement, Refund},
};

use super::{Flaw, Setup, action::Paid, state::Returned, turn::Turn};

impl Turn<'_> {
    /// The buyer pays, and the webhook comes. Nothing sees money before its webhook, so a late
    /// webhook is a late payment.
    pub(super) fn pay(&mut self, paid: Paid) -> Option<()> {
        let setup = &self.protocol.setup;
        let total = self.case().order.as_ref()?.total;
        let (kind, amount) = match paid {
            Paid::Less => (Kind::Captured, Money::new(total.amount / 2, total.currency)),
            Paid::Exact => (Kind::Captured, total),
            Paid::More => (Kind::Captured, Money::new(total.amount / 2 * 3, total.currency)),
            Paid::Foreign => (Kind::Captured, Money::new(total.amount, setup.foreign)),
            Paid::Failed => (Kind::Failed, total),
        };
        let books = self.case_mut().books_mut();
        let number = books.captures.len() + usize::from(books.failures);
        let payment_id = provider_id("pay", &number);
        match kind {
            Kind::Captured => books.captures.push((payment_id.clone(), amount)),
            Kind::Failed | Kind::Refunded => books.failures += 1,
        }
        let movement = Movement {
            provider: self.protocol.setup.provider.clone(),
            provider_event_id: provider_id("evt", &number),
            payment_id,
            kind,
            amount,
            refund_id: None,
            recorded_at: Setup::placed_at(),
            settled: false,
        };
        self.apply_payment(Command::Record(movement));
        Some(())
    }

    /// The provider gives money back, once for each id, and will tell of it: also again, when it
    /// has and is asked again.
    pub(super) fn give_back(&mut self, refund: &Refund) {
        let movement = Movement {
            provider: refund.provider.clone(),
            provider_event_id: provider_id("evt", &refund.id),
            payment_id: refund.payment_id.clone(),
            kind: Kind::Refunded,
            amount: refund.amount,
            refund_id: Some(refund.id.clone()),
            recorded_at: Setup::placed_at(),
            settled: false,
        };
        let forgetful = self.protocol.flaw == Some(Flaw::RefundsWithoutKey);
        let told = |told: &Movement| told.provider_event_id == movement.provider_event_id;
        let taken = self.case().payment.iter().any(|found| found.movements.iter().any(told));
        let books = self.case_mut().books_mut();
        if forgetful || !books.returned.iter().any(|before| before.id == refund.id) {
            let (id, payment_id) = (refund.id.clone(), refund.payment_id.clone());
            books.returned.push(Returned { id, payment_id, amount: refund.amount });
            books.returned.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        }
        if !taken && !books.webhooks.iter().any(told) {
            books.webhooks.push(movement);
            let id = |webhook: &Movement| webhook.provider_event_id.clone();
            books.webhooks.sort_unstable_by_key(id);
        }
    }

    pub(super) fn webhook(&mut self, index: usize) -> Option<()> {
        let movement = self.webhook_lost(index)?;
        self.apply_payment(Command::Record(movement));
        Some(())
    }

    pub(super) fn webhook_lost(&mut self, index: usize) -> Option<Movement> {
        let webhooks = &mut self.case_mut().books_mut().webhooks;
        (index < webhooks.len()).then(|| webhooks.remove(index))
    }

    pub(super) fn webhook_again(&mut self, index: usize) -> Option<()> {
        let taken = self.case().payment.as_ref()?.movements.get(index)?;
        let movement = Movement { settled: false, ..taken.clone() };
        self.apply_payment(Command::Record(movement));
        Some(())
    }
}

fn provider_id(kind: &str, of: &impl std::fmt::Display) -> PaymentId {
    format!("{kind}_{of}").parse().expect("letters and digits make an id")
}
