//! What providers write in their webhooks.

use lmall_domain::{
    Money, OrderId, PaymentId, ProviderName, RefundId, Timestamp,
    money::Currency,
    payment::{Kind, Movement},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::provider::{Provider, Scheme};

/// A provider's event, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of it: takes effect once.
    pub id: PaymentId,
    /// The provider's name for its kind.
    pub kind: String,
    /// What it means for an order; `None` when it means nothing here.
    pub movement: Option<(OrderId, Movement)>,
}

/// A signed body that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unparsable(String);

impl From<serde_json::Error> for Unparsable {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct GenericData {
    order_id: OrderId,
    payment_id: PaymentId,
    amount: i64,
    currency: Currency,
    refund_id: Option<RefundId>,
}

#[derive(Deserialize)]
struct StripeData {
    object: StripeObject,
    previous_attributes: Option<StripePrevious>,
}

#[derive(Deserialize)]
struct StripePrevious {
    amount_refunded: Option<i64>,
}

#[derive(Deserialize)]
struct StripeObject {
    id: PaymentId,
    payment_intent: Option<PaymentId>,
    amount: Option<i64>,
    amount_received: Option<i64>,
    amount_refunded: Option<i64>,
    currency: String,
    #[serde(default)]
    metadata: StripeMetadata,
}

#[derive(Default, Deserialize)]
struct StripeMetadata {
    // Text first: whoever shares the account may name things as they like.
    order_id: Option<String>,
}

/// Reads a signed body. `header_id` is the id in the headers, for schemes that have it there.
///
/// # Errors
/// [`Unparsable`] says what is wrong; unknown kinds and unknown members are no error.
pub fn parse(
    provider: &Provider,
    header_id: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Notice, Unparsable> {
    let head: Head<'_> = serde_json::from_slice(body)?;
    let signed_id = match provider.scheme {
        Scheme::Standard => header_id,
        // Nobody signed that header: whoever repeats a webhook could write a new id there.
        Scheme::Generic | Scheme::Stripe => None,
    };
    let id = head.id.as_deref().or(signed_id).ok_or_else(|| Unparsable("no `id`".to_owned()))?;
    let id: PaymentId = id.parse().map_err(|error| Unparsable(format!("`id`: {error}")))?;
    let data = || head.data.map(RawValue::get).ok_or_else(|| Unparsable("no `data`".to_owned()));
    let found = match (provider.scheme, head.kind.as_str()) {
        (Scheme::Generic | Scheme::Standard, "payment.captured") => {
            Some(generic(Kind::Captured, data()?)?)
        }
        (Scheme::Generic | Scheme::Standard, "payment.failed") => {
            Some(generic(Kind::Failed, data()?)?)
        }
        (Scheme::Generic | Scheme::Standard, "payment.refunded") => {
            Some(generic(Kind::Refunded, data()?)?)
        }
        (Scheme::Stripe, "payment_intent.succeeded") => stripe(Kind::Captured, data()?)?,
        (Scheme::Stripe, "payment_intent.payment_failed") => stripe(Kind::Failed, data()?)?,
        (Scheme::Stripe, "charge.refunded") => stripe(Kind::Refunded, data()?)?,
        (Scheme::Generic | Scheme::Stripe | Scheme::Standard, _) => None,
    };
    let movement = found.map(|found| found.movement(&provider.name, &id, now)).transpose()?;
    Ok(Notice { id, kind: head.kind, movement })
}

struct Found {
    order_id: OrderId,
    payment_id: PaymentId,
    kind: Kind,
    amount: Money,
    refund_id: Option<RefundId>,
}

impl Found {
    fn movement(
        self,
        provider: &ProviderName,
        id: &PaymentId,
        now: Timestamp,
    ) -> Result<(OrderId, Movement), Unparsable> {
        let amount = self.amount.amount;
        if amount < 0 || (amount == 0 && self.kind != Kind::Failed) {
            return Err(Unparsable("`amount` must be more than 0".to_owned()));
        }
        let movement = Movement {
            provider: provider.clone(),
            provider_event_id: id.clone(),
            payment_id: self.payment_id,
            kind: self.kind,
            amount: self.amount,
            refund_id: self.refund_id,
            recorded_at: now,
            settled: false,
        };
        Ok((self.order_id, movement))
    }
}

fn generic(kind: Kind, data: &str) -> Result<Found, Unparsable> {
    let data: GenericData = serde_json::from_str(data)?;
    Ok(Found {
        order_id: data.order_id,
        payment_id: data.payment_id,
        kind,
        amount: Money::new(data.amount, data.currency),
        refund_id: data.refund_id,
    })
}

/// `None` for an object without our order id: a payment of something else on the same account.
fn stripe(kind: Kind, data: &str) -> Result<Option<Found>, Unparsable> {
    let StripeData { object, previous_attributes } = serde_json::from_str(data)?;
    let order_id = object.metadata.order_id.and_then(|id| id.parse::<OrderId>().ok());
    let Some(order_id) = order_id else { return Ok(None) };
    let currency = Currency::from_code(&object.currency.to_ascii_uppercase())
        .map_err(|error| Unparsable(error.to_string()))?;
    let amount = match kind {
        Kind::Captured => object.amount_received.or(object.amount),
        Kind::Failed => Some(object.amount.unwrap_or(0)),
        // A charge counts up: what this refund gave back is the difference to before.
        Kind::Refunded => {
            let before = previous_attributes.and_then(|before| before.amount_refunded);
            object.amount_refunded.and_then(|now| now.checked_sub(before.unwrap_or(0)))
        }
    };
    let amount = amount.ok_or_else(|| Unparsable("no amount".to_owned()))?;
    Ok(Some(Found {
        order_id,
        payment_id: object.payment_intent.unwrap_or(object.id),
        kind,
        amount: Money::new(amount, currency),
        refund_id: None,
    }))
}
