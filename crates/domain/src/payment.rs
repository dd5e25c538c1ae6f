//! Payments: what providers say they captured and gave back for an order.

mod decide;

use serde::{Deserialize, Serialize};

pub use decide::{Command, Decision, Rejection, decide};

use crate::{Money, OrderId, PaymentId, ProviderName, RefundId, Timestamp, money::Currency};

/// What a provider's event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Money came.
    Captured,
    /// Money did not come.
    Failed,
    /// Money went back.
    Refunded,
}

/// A provider's event about an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Movement {
    /// Which provider.
    pub provider: ProviderName,
    /// Its event: takes effect once.
    pub provider_event_id: PaymentId,
    /// Its payment.
    pub payment_id: PaymentId,
    /// What it tells of.
    pub kind: Kind,
    /// How much: at least one minor unit, unless it failed.
    pub amount: Money,
    /// The refund (part) that it answers, when the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// When it was stored here.
    pub recorded_at: Timestamp,
    /// Whether the order service was told: not before the order is known here.
    pub settled: bool,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// To be sent to the provider, perhaps again.
    Requested,
    /// The provider took it.
    Accepted,
    /// The provider's answer said that it is done; its webhook may still come.
    Answered,
    /// The provider's webhook said that it is done.
    Settled,
    /// The provider will never do it: an operator has to.
    Refused,
    /// The provider refused it, for it had given money back on its own: what was left, if
    /// anything, is asked for by another part.
    Replaced,
}

impl Progress {
    /// Whether anybody still has to do something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Requested | Self::Accepted => true,
            Self::Answered | Self::Settled | Self::Refused | Self::Replaced => false,
        }
    }

    /// Whether it counts as asked for: all but one in whose place another came.
    #[must_use]
    pub const fn is_asked(self) -> bool {
        match self {
            Self::Requested | Self::Accepted | Self::Answered | Self::Settled | Self::Refused => {
                true
            }
            Self::Replaced => false,
        }
    }
}

/// Money to give back out of one capture.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refund {
    /// The idempotency key at the provider.
    pub id: RefundId,
    /// The refund of the order that it is part of.
    pub requested_as: RefundId,
    /// The provider of the capture.
    pub provider: ProviderName,
    /// The payment that was captured.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub progress: Progress,
    /// When it was last sent to the provider, or decided.
    pub attempted_at: Timestamp,
}

/// Where a payment stands: derived from its movements, never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// A provider spoke of an order that is not known here yet.
    Unmatched,
    /// Nothing was captured.
    Open,
    /// Nothing was captured, and the last attempt failed.
    Failed,
    /// Money is here.
    Captured,
    /// Money is being given back.
    Refunding,
    /// All that came went back.
    Refunded,
}

/// The money of one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payment {
    /// The order.
    pub order_id: OrderId,
    /// What the order costs; `None` until the order is known here.
    pub expected: Option<Money>,
    /// What providers said, in the order of arrival.
    pub movements: Vec<Movement>,
    /// What has to go back.
    pub refunds: Vec<Refund>,
    /// Counts the events written about it by the payment service.
    pub events: u32,
}

impl Payment {
    /// The payment of an order of which nothing was heard.
    #[must_use]
    pub const fn new(order_id: OrderId) -> Self {
        Self { order_id, expected: None, movements: Vec::new(), refunds: Vec::new(), events: 0 }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        let any = |kind| self.movements.iter().any(|movement| movement.kind == kind);
        if self.expected.is_none() {
            State::Unmatched
        } else if self.refunds.iter().any(|refund| refund.progress.is_open()) {
            State::Refunding
        } else if any(Kind::Captured) {
            let gone = |currency| self.captured(currency) <= self.refunded(currency);
            let all_gone = self.movements.iter().all(|movement| gone(movement.amount.currency));
            if all_gone { State::Refunded } else { State::Captured }
        } else if any(Kind::Failed) {
            State::Failed
        } else {
            State::Open
        }
    }

    /// What was captured in `currency`, in minor units.
    #[must_use]
    pub fn captured(&self, currency: Currency) -> i64 {
        self.sum(Kind::Captured, currency)
    }

    /// What went back in `currency`, in minor units: by webhook, or by the provider's answer to
    /// a refund whose webhook has not come.
    #[must_use]
    pub fn refunded(&self, currency: Currency) -> i64 {
        let answered = |refund: &&Refund| {
            refund.progress == Progress::Answered && refund.amount.currency == currency
        };
        let answered: i64 =
            self.refunds.iter().filter(answered).map(|refund| refund.amount.amount).sum();
        self.sum(Kind::Refunded, currency).saturating_add(answered)
    }

    fn sum(&self, kind: Kind, currency: Currency) -> i64 {
        self.movements
            .iter()
            .filter(|movement| movement.kind == kind && movement.amount.currency == currency)
            .fold(0, |sum, movement| movement.amount.amount.saturating_add(sum))
    }
}
