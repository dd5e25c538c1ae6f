//! What the provider has written down: the independent truth about money.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use lmall_app::ports::{RefundAnswer, RefundRequest};
use lmall_domain::{
    Money, OrderId, PaymentId, RefundId, Timestamp, money::Currency, payment::Kind,
};
use serde_json::json;

/// Something that the provider tells by webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id: no other event has it.
    pub id: PaymentId,
    /// What it tells of.
    pub kind: Kind,
    /// The order that the payment is for.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// How much was captured, not captured, or given back.
    pub amount: Money,
    /// The refund that it answers, when somebody asked for it by an id.
    pub refund_id: Option<RefundId>,
    /// When it happened.
    pub at: Timestamp,
}

impl Event {
    /// The body of its webhook.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Captured => "payment.captured",
            Kind::Failed => "payment.failed",
            Kind::Refunded => "payment.refunded",
        };
        let mut data = json!({
            "order_id": self.order_id,
            "payment_id": self.payment_id,
            "amount": self.amount.amount,
            "currency": self.amount.currency,
        });
        if let Some(refund_id) = &self.refund_id {
            data["refund_id"] = json!(refund_id);
        }
        let created = self.at.as_secs();
        let body = json!({ "id": self.id, "type": kind, "created": created, "data": data });
        body.to_string().into_bytes()
    }
}

/// A payment, as the provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id of it.
    pub id: PaymentId,
    /// The order that it is for.
    pub order_id: OrderId,
    /// What was captured; what was to be captured, if that failed.
    pub amount: Money,
    /// Whether it was captured. If not, it failed, and no money moved.
    pub is_captured: bool,
    /// What went back of it, in minor units.
    pub refunded: i64,
    /// Of that, what nobody in the shop had asked for.
    pub refunded_on_its_own: i64,
}

impl Payment {
    /// What can still go back, in minor units.
    #[must_use]
    pub const fn left(&self) -> i64 {
        if self.is_captured { self.amount.amount - self.refunded } else { 0 }
    }
}

/// The money of an order in one currency, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Of which money.
    pub currency: Currency,
    /// What came, with all captures.
    pub captured: i64,
    /// What went back, with all refunds.
    pub refunded: i64,
    /// Of that, what nobody in the shop had asked for.
    pub on_its_own: i64,
}

/// How the provider takes a refund. What it does with the money is the same in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It answers that it will be done, and tells by webhook when it is.
    Later,
    /// It answers that it is done, and tells by webhook all the same.
    AtOnce,
    /// It answers that it is done, and says no more.
    Silently,
}

impl Manner {
    const fn answer(self) -> RefundAnswer {
        match self {
            Self::Later => RefundAnswer::Accepted,
            Self::AtOnce | Self::Silently => RefundAnswer::Done,
        }
    }
}

/// A refund that the provider will never do. It says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// A refund that somebody asked for by an id.
#[derive(Debug, Clone)]
struct Refund {
    payment_id: PaymentId,
    amount: Money,
    answer: RefundAnswer,
}

/// The provider's books. All money of the simulation that moves is in here, and it moves the
/// moment it is written down.
///
/// Idempotency keys of refunds are kept for ever. Real providers forget them, after 24 hours or
/// more: from then on, asking again would give back again, up to the capture, and what protects
/// is the payment row, whose refund is not open any more. A refund that was refused is not
/// remembered; asked for again, it is judged again.
#[derive(Debug, Clone, Default)]
pub struct Books {
    payments: BTreeMap<PaymentId, Payment>,
    of_order: BTreeMap<OrderId, Vec<PaymentId>>,
    refunds: BTreeMap<RefundId, Refund>,
    events: BTreeMap<PaymentId, Event>,
}

impl Books {
    /// Captures `amount` for the order, as a payment of its own.
    pub fn capture(&mut self, order_id: OrderId, amount: Money, now: Timestamp) -> Event {
        self.pay(order_id, amount, Kind::Captured, now)
    }

    /// Fails to capture `amount` for the order: a payment of its own that moves no money.
    pub fn fail(&mut self, order_id: OrderId, amount: Money, now: Timestamp) -> Event {
        self.pay(order_id, amount, Kind::Failed, now)
    }

    fn pay(&mut self, order_id: OrderId, amount: Money, kind: Kind, now: Timestamp) -> Event {
        assert!(amount.amount > 0, "a customer pays something");
        let id: PaymentId = id("pay", self.payments.len() + 1);
        let is_captured = kind == Kind::Captured;
        let payment = Payment {
            id: id.clone(),
            order_id,
            amount,
            is_captured,
            refunded: 0,
            refunded_on_its_own: 0,
        };
        self.payments.insert(id.clone(), payment);
        self.of_order.entry(order_id).or_default().push(id.clone());
        self.event(kind, order_id, id, amount, None, now)
    }

    /// Gives back what is asked for, once for each refund id, and never more than the capture
    /// has left. Asked again, it gives the answer that it gave before.
    ///
    /// # Errors
    /// [`Refused`], for ever.
    pub fn refund(
        &mut self,
        request: &RefundRequest,
        manner: Manner,
        now: Timestamp,
    ) -> Result<(RefundAnswer, Option<Event>), Refused> {
        let (payment_id, amount) = (request.payment_id.clone(), request.amount);
        if let Some(refund) = self.refunds.get(&request.id) {
            if refund.payment_id != payment_id || refund.amount != amount {
                return Err(Refused("the refund id was used for another refund"));
            }
            return Ok((refund.answer, None));
        }
        let payment = self.payments.get(&payment_id);
        if payment.is_none_or(|payment| payment.order_id != request.order_id) {
            return Err(Refused("the order has no such payment"));
        }
        self.give_back(&payment_id, amount)?;
        let answer = manner.answer();
        let refund = Refund { payment_id: payment_id.clone(), amount, answer };
        self.refunds.insert(request.id.clone(), refund);
        let event = match manner {
            Manner::Later | Manner::AtOnce => {
                let id = Some(request.id.clone());
                Some(self.event(Kind::Refunded, request.order_id, payment_id, amount, id, now))
            }
            Manner::Silently => None,
        };
        Ok((answer, event))
    }

    /// Gives back what nobody asked for by an id: a person at the merchant's clicked it in the
    /// provider's dashboard.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn refund_on_its_own(
        &mut self,
        payment_id: &PaymentId,
        amount: Money,
        now: Timestamp,
    ) -> Result<Event, Refused> {
        let order_id = self.give_back(payment_id, amount)?;
        let payment = self.payments.get_mut(payment_id).ok_or(Refused("no such payment"))?;
        payment.refunded_on_its_own += amount.amount;
        Ok(self.event(Kind::Refunded, order_id, payment_id.clone(), amount, None, now))
    }

    /// The only place where money goes back. Gives the order that it was for.
    fn give_back(&mut self, payment_id: &PaymentId, amount: Money) -> Result<OrderId, Refused> {
        let payment = self.payments.get_mut(payment_id).ok_or(Refused("no such payment"))?;
        if payment.amount.currency != amount.currency {
            return Err(Refused("the payment is in another currency"));
        }
        if amount.amount <= 0 || amount.amount > payment.left() {
            return Err(Refused("the payment has not so much left"));
        }
        payment.refunded += amount.amount;
        Ok(payment.order_id)
    }

    fn event(
        &mut self,
        kind: Kind,
        order_id: OrderId,
        payment_id: PaymentId,
        amount: Money,
        refund_id: Option<RefundId>,
        at: Timestamp,
    ) -> Event {
        let id = id("evt", self.events.len() + 1);
        let event = Event { id: id.clone(), kind, order_id, payment_id, amount, refund_id, at };
        self.events.insert(id, event.clone());
        event
    }

    /// The event with this id.
    #[must_use]
    pub fn told(&self, id: &PaymentId) -> Option<&Event> {
        self.events.get(id)
    }

    /// The payments for the order, in the order in which they were made.
    pub fn payments(&self, order_id: OrderId) -> impl Iterator<Item = &Payment> {
        let ids = self.of_order.get(&order_id).into_iter().flatten();
        ids.filter_map(|id| self.payments.get(id))
    }

    /// What came and went for the order, in each currency.
    #[must_use]
    pub fn totals(&self, order_id: OrderId) -> Vec<Total> {
        let mut totals = Vec::<Total>::new();
        for payment in self.payments(order_id).filter(|payment| payment.is_captured) {
            let (currency, captured) = (payment.amount.currency, payment.amount.amount);
            match totals.iter_mut().find(|total| total.currency == currency) {
                Some(total) => {
                    total.captured += captured;
                    total.refunded += payment.refunded;
                    total.on_its_own += payment.refunded_on_its_own;
                }
                None => totals.push(Total {
                    currency,
                    captured,
                    refunded: payment.refunded,
                    on_its_own: payment.refunded_on_its_own,
                }),
            }
        }
        totals
    }

    /// What came and went, by order. An order is in here when somebody tried to pay for it.
    #[must_use]
    pub fn orders(&self) -> BTreeMap<OrderId, Vec<Total>> {
        self.of_order.keys().map(|order_id| (*order_id, self.totals(*order_id))).collect()
    }
}

fn id(prefix: &str, number: impl std::fmt::Display) -> PaymentId {
    format!("{prefix}_{number}").parse().expect("a short name of a few letters and digits")
}
