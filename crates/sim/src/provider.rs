//! The payment provider: its books, and the webhooks that it sends about them.
//!
//! [`Books`] is pure, and the independent truth about money: what it says was captured and
//! refunded is what auditors compare the shop with. [`SharedProvider`] sends a webhook about each
//! event until it is taken, from the world, which never dies. And there are attackers: they see
//! the webhooks on their way, do not know the secret, and send what they can.

mod attack;
mod books;
mod send;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    payment::{Provider, Scheme, Secret},
    ports::{RefundAnswer, RefundRequest},
};
use lmall_domain::{Money, OrderId, PaymentId, money::Currency};
use parking_lot::Mutex;

pub use self::{
    books::{Books, Event, Manner, Payment, Refused, Total},
    send::ANSWER_WITHIN,
};
use crate::kernel::{Kernel, Signal};

/// The provider's name, and the last segment of its webhook's path.
pub const NAME: &str = "demo";

/// What it signs with.
pub const SECRET: &str = "known to the simulated provider and to the shop";

/// The provider as the payment service has to know it.
#[must_use]
pub fn config() -> Provider {
    let name = NAME.parse().expect("a short name");
    Provider { name, scheme: Scheme::Generic, secrets: vec![Secret::new(SECRET)] }
}

/// Who sends a webhook, and so what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The provider, perhaps not for the first time: it may be taken, and takes effect once.
    Provider,
    /// An attacker, the provider's own, byte for byte but for unsigned headers, after it was
    /// taken: it may be taken, as something known that changes nothing.
    Replayed,
    /// An attacker. It is not signed with the secret, or not now: it must be refused.
    Forged,
}

impl Origin {
    /// Whether it breaks a promise if it changes anything.
    #[must_use]
    pub const fn must_change_nothing(self) -> bool {
        match self {
            Self::Provider => false,
            Self::Replayed | Self::Forged => true,
        }
    }
}

/// A webhook on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Lower-case names and values.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
    /// Who sends it. No door may look at this before it has answered.
    pub origin: Origin,
}

/// What a sender of a webhook hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200: it is durable.
    Taken,
    /// 4xx.
    Refused,
    /// 5xx.
    NotNow,
    /// Nothing: the request or the answer is lost, or the peer died.
    NoAnswer,
}

/// The way to the payment service.
#[async_trait]
pub trait WebhookDoor: Send + Sync {
    /// Brings a webhook there. The sender waits for [`ANSWER_WITHIN`] and then drops this.
    ///
    /// That a forged one is taken is noticed here; whether a replayed one has changed anything,
    /// only the door can tell.
    async fn deliver(&self, webhook: Webhook) -> Answer;
}

/// The provider of a seed, as everybody sees it.
pub struct SharedProvider {
    kernel: Kernel,
    door: Arc<dyn WebhookDoor>,
    books: Mutex<Books>,
    counts: Mutex<Counts>,
    hurry: Signal,
}

/// What is still under way.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Events of which no webhook of the provider's regular attempts was taken.
    open: usize,
    /// Copies, forgeries and replays still to be sent.
    strays: usize,
}

impl SharedProvider {
    /// A provider with empty books that sends its webhooks to `door`.
    #[must_use]
    pub fn new(kernel: Kernel, door: Arc<dyn WebhookDoor>) -> Arc<Self> {
        let (books, counts) = (Mutex::default(), Mutex::default());
        Arc::new(Self { kernel, door, books, counts, hurry: Signal::default() })
    }

    /// Captures `amount` for the order, and tells.
    pub fn capture(self: &Arc<Self>, order_id: OrderId, amount: Money) -> Payment {
        let event = self.books.lock().capture(order_id, amount, self.kernel.now());
        self.made(event)
    }

    /// Fails to capture `amount` for the order, and tells.
    pub fn fail(self: &Arc<Self>, order_id: OrderId, amount: Money) -> Payment {
        let event = self.books.lock().fail(order_id, amount, self.kernel.now());
        self.made(event)
    }

    fn made(self: &Arc<Self>, event: Event) -> Payment {
        let made = self.payments(event.order_id).pop();
        self.tell(event, Duration::ZERO);
        made.expect("the payment was made just now")
    }

    /// A person at the merchant's gives back `amount` of the payment, and the provider tells.
    ///
    /// # Errors
    /// [`Refused`]: there is not so much left.
    pub fn refund_on_its_own(
        self: &Arc<Self>,
        payment_id: &PaymentId,
        amount: Money,
    ) -> Result<(), Refused> {
        let now = self.kernel.now();
        let event = self.books.lock().refund_on_its_own(payment_id, amount, now)?;
        self.tell(event, Duration::ZERO);
        Ok(())
    }

    /// The shop asks for a refund. When it is done in a way that is told, it is told: 1 s to
    /// 10 min later.
    ///
    /// # Errors
    /// [`Refused`], for ever.
    pub fn refund(
        self: &Arc<Self>,
        request: &RefundRequest,
        manner: Manner,
    ) -> Result<RefundAnswer, Refused> {
        let now = self.kernel.now();
        let (answer, event) = self.books.lock().refund(request, manner, now)?;
        if let Some(event) = event {
            self.tell(event, self.kernel.between(send::REFUND_TOLD.0, send::REFUND_TOLD.1));
        }
        Ok(answer)
    }

    /// What came and went, by order and currency, for auditors.
    #[must_use]
    pub fn orders(&self) -> BTreeMap<OrderId, Vec<Total>> {
        self.books.lock().orders()
    }

    /// What came and went for the order, by currency.
    #[must_use]
    pub fn totals(&self, order_id: OrderId) -> Vec<Total> {
        self.books.lock().totals(order_id)
    }

    /// What the provider has told under this id.
    #[must_use]
    pub fn told(&self, id: &PaymentId) -> Option<Event> {
        self.books.lock().told(id).cloned()
    }

    /// What was captured for the order in this currency, in minor units.
    #[must_use]
    pub fn captured(&self, order_id: OrderId, currency: Currency) -> i64 {
        let totals = self.totals(order_id);
        let of_currency = totals.into_iter().find(|total| total.currency == currency);
        of_currency.map_or(0, |total| total.captured)
    }

    /// The payments for the order, in the order in which they were made.
    #[must_use]
    pub fn payments(&self, order_id: OrderId) -> Vec<Payment> {
        self.books.lock().payments(order_id).cloned().collect()
    }

    /// Events that the shop has not taken yet. Nothing is at rest before there are none.
    #[must_use]
    pub fn open_webhooks(&self) -> usize {
        self.counts.lock().open
    }

    /// Copies, forgeries and replays that are still to come. They change nothing.
    #[must_use]
    pub fn open_strays(&self) -> usize {
        self.counts.lock().strays
    }

    /// Looks at once whether faults are over, and sends in quick succession if they are. To be
    /// called after [`Kernel::end_faults`].
    pub fn hurry(&self) {
        self.hurry.notify();
    }
}
