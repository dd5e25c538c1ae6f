//! A payment on the wire.

use lmall_domain::{OrderId, PaymentId, ProviderName, RefundId, Timestamp, money, payment};
use lmall_web::Money;
use serde::Serialize;
use utoipa::ToSchema;

/// The money of one order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Payment {
    /// The order.
    #[schema(value_type = String, pattern = "^[1-9][0-9]{0,18}$", example = "7212345678901")]
    order_id: OrderId,
    /// What was collected, in the order's currency.
    captured: Money,
    /// What was given back, in the order's currency.
    refunded: Money,
    /// What providers said, in the order of arrival.
    movements: Vec<Movement>,
    /// What has to go back, or went.
    refunds: Vec<Refund>,
}

/// A provider's event about the order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Movement {
    /// What it tells of.
    #[serde(rename = "type")]
    kind: Kind,
    /// Which provider.
    #[schema(value_type = String, example = "demo")]
    provider: ProviderName,
    /// The provider's id of the event.
    #[schema(value_type = String, example = "evt_123")]
    provider_event_id: PaymentId,
    /// The provider's id of the payment.
    #[schema(value_type = String, example = "pay_9")]
    payment_id: PaymentId,
    /// How much.
    amount: Money,
    /// The refund that it answers; absent where the provider named none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "7212345678901-refund-1")]
    refund_id: Option<RefundId>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:31:00.123Z")]
    recorded_at: Timestamp,
}

/// What a provider's event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MovementType)]
pub(crate) enum Kind {
    /// Money came.
    #[serde(rename = "payment.captured")]
    Captured,
    /// Money did not come.
    #[serde(rename = "payment.failed")]
    Failed,
    /// Money went back.
    #[serde(rename = "payment.refunded")]
    Refunded,
}

/// Money to give back out of one capture.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refund {
    /// The idempotency key at the provider.
    #[schema(value_type = String, example = "7212345678901-refund-1")]
    refund_id: RefundId,
    /// The payment that was captured.
    #[schema(value_type = String, example = "pay_9")]
    payment_id: PaymentId,
    /// The provider of the capture.
    #[schema(value_type = String, example = "demo")]
    provider: ProviderName,
    /// How much.
    amount: Money,
    /// How far it is.
    progress: Progress,
    /// When it was last sent to the provider, or decided.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:31:00.123Z")]
    attempted_at: Timestamp,
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundProgress)]
pub(crate) enum Progress {
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
    /// anything, is asked for by another refund.
    Replaced,
}

impl Payment {
    /// The payment as it is shown; `None` when nothing is known of the order or its money.
    ///
    /// Sums are in the currency of the order, or of the first money that came where the order is
    /// not known.
    pub(crate) fn of(
        order_id: OrderId,
        row: Option<payment::Payment>,
        total: Option<lmall_domain::Money>,
    ) -> Option<Self> {
        let row = row.unwrap_or_else(|| payment::Payment::new(order_id));
        let first = || row.movements.first().map(|movement| movement.amount);
        let currency: money::Currency = total.or(row.expected).or_else(first)?.currency;
        Some(Self {
            order_id,
            captured: Money { amount: row.captured(currency), currency },
            refunded: Money { amount: row.refunded(currency), currency },
            movements: row.movements.into_iter().map(Movement::from).collect(),
            refunds: row.refunds.into_iter().map(Refund::from).collect(),
        })
    }
}

impl From<payment::Movement> for Movement {
    fn from(movement: payment::Movement) -> Self {
        Self {
            kind: movement.kind.into(),
            provider: movement.provider,
            provider_event_id: movement.provider_event_id,
            payment_id: movement.payment_id,
            amount: movement.amount.into(),
            refund_id: movement.refund_id,
            recorded_at: movement.recorded_at,
        }
    }
}

impl From<payment::Kind> for Kind {
    fn from(kind: payment::Kind) -> Self {
        match kind {
            payment::Kind::Captured => Self::Captured,
            payment::Kind::Failed => Self::Failed,
            payment::Kind::Refunded => Self::Refunded,
        }
    }
}

impl From<payment::Refund> for Refund {
    fn from(refund: payment::Refund) -> Self {
        Self {
            refund_id: refund.id,
            payment_id: refund.payment_id,
            provider: refund.provider,
            amount: refund.amount.into(),
            progress: refund.progress.into(),
            attempted_at: refund.attempted_at,
        }
    }
}

impl From<payment::Progress> for Progress {
    fn from(progress: payment::Progress) -> Self {
        match progress {
            payment::Progress::Requested => Self::Requested,
            payment::Progress::Accepted => Self::Accepted,
            payment::Progress::Answered => Self::Answered,
            payment::Progress::Settled => Self::Settled,
            payment::Progress::Refused => Self::Refused,
            payment::Progress::Replaced => Self::Replaced,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;

    fn money(amount: i64, code: &str) -> lmall_domain::Money {
        lmall_domain::Money::new(amount, money::Currency::from_code(code).unwrap())
    }

    fn movement(kind: payment::Kind, amount: lmall_domain::Money) -> payment::Movement {
        payment::Movement {
            provider: "demo".parse().unwrap(),
            provider_event_id: "evt_1".parse().unwrap(),
            payment_id: "pay_9".parse().unwrap(),
            kind,
            amount,
            refund_id: None,
            recorded_at: Timestamp::from_millis(1_768_386_600_123),
            settled: true,
        }
    }

    fn wire(row: Option<payment::Payment>, total: Option<lmall_domain::Money>) -> Option<Value> {
        Payment::of(id(), row, total).map(|payment| to_value(payment).unwrap())
    }

    fn id() -> OrderId {
        OrderId::new(7).unwrap()
    }

    #[test]
    fn a_payment_has_the_members_that_were_agreed() {
        let mut row = payment::Payment::new(id());
        row.movements = vec![
            movement(payment::Kind::Captured, money(5, "EUR")),
            movement(payment::Kind::Captured, money(9, "USD")),
        ];
        row.refunds = vec![payment::Refund {
            id: RefundId::of(id(), 1).part(1),
            requested_as: RefundId::of(id(), 1),
            provider: "demo".parse().unwrap(),
            payment_id: "pay_9".parse().unwrap(),
            amount: money(2, "EUR"),
            progress: payment::Progress::Answered,
            attempted_at: Timestamp::from_millis(1_768_386_600_123),
        }];
        let movement = |amount: i64, currency: &str| {
            json!({
                "type": "payment.captured",
                "provider": "demo",
                "provider_event_id": "evt_1",
                "payment_id": "pay_9",
                "amount": { "amount": amount, "currency": currency },
                "recorded_at": "2026-01-14T10:30:00.123Z",
            })
        };
        let expected = json!({
            "order_id": "7",
            "captured": { "amount": 5, "currency": "EUR" },
            "refunded": { "amount": 2, "currency": "EUR" },
            "movements": [movement(5, "EUR"), movement(9, "USD")],
            "refunds": [{
                "refund_id": "7-refund-1.1",
                "payment_id": "pay_9",
                "provider": "demo",
                "amount": { "amount": 2, "currency": "EUR" },
                "progress": "answered",
                "attempted_at": "2026-01-14T10:30:00.123Z",
            }],
        });
        assert_eq!(wire(Some(row), Some(money(5, "EUR"))), Some(expected));
    }

    #[test]
    fn sums_are_in_the_currency_of_the_order_if_it_is_known() {
        let mut unmatched = payment::Payment::new(id());
        unmatched.movements = vec![movement(payment::Kind::Captured, money(9, "USD"))];
        let mut expecting = unmatched.clone();
        expecting.expected = Some(money(5, "EUR"));
        let rows = [
            (None, None, None),
            (None, Some(money(5, "EUR")), Some(money(0, "EUR"))),
            (Some(unmatched), None, Some(money(9, "USD"))),
            (Some(expecting), None, Some(money(0, "EUR"))),
        ];
        for (row, total, captured) in rows {
            let found = wire(row.clone(), total).map(|payment| payment["captured"].clone());
            let captured = captured.map(|money| to_value(money).unwrap());
            assert_eq!(found, captured, "{row:?} {total:?}");
        }
    }

    #[test]
    fn states_are_written_as_the_contract_names_them() {
        use payment::{Kind as From, Progress as Step};
        let kinds =
            [(From::Captured, "captured"), (From::Failed, "failed"), (From::Refunded, "refunded")];
        for (kind, name) in kinds {
            assert_eq!(to_value(Kind::from(kind)).unwrap(), format!("payment.{name}"));
        }
        let steps = [
            Step::Requested,
            Step::Accepted,
            Step::Answered,
            Step::Settled,
            Step::Refused,
            Step::Replaced,
        ];
        for step in steps {
            assert_eq!(to_value(Progress::from(step)).unwrap(), to_value(step).unwrap());
        }
    }
}
