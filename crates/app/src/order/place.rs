//! Placing an order.

use lmall_domain::{
    CustomerId, OrderId, Timestamp,
    catalogue::Offer,
    money::Currency,
    order::{Decision, LineRequest, Order, PlaceOrder, PlaceRejection, merge_lines, place},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{NotAdmitted, Orders};
use crate::{
    Changeset, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
    ports::NewRow,
    row::{self, Versioned},
};

/// How long a first answer is remembered.
const IDEMPOTENCY_DAYS: u64 = 7;

/// A wish to order, as it comes through the door.
#[derive(Debug, Clone)]
pub struct Place {
    /// Who.
    pub customer_id: CustomerId,
    /// What, as sent.
    pub lines: Vec<LineRequest>,
    /// What to pay in; the products' own currency without it.
    pub currency: Option<Currency>,
    /// The customer's name for this wish: it is carried out once.
    pub idempotency: Option<Idempotency>,
    /// The request.
    pub trace: Trace,
}

/// An idempotency key, scoped to the customer and to placing orders.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// 1 to 255 characters.
    pub key: String,
}

/// An order that exists from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// As it was first answered.
    pub order: Versioned<Order>,
    /// Whether this is the answer to an earlier request.
    pub replayed: bool,
}

/// Why there is no order.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The wish cannot be an order.
    #[error(transparent)]
    Rejected(#[from] PlaceRejection),
    /// It takes an admission, and there is none that is good for it.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// The key was used for another wish.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What was answered to an idempotency key.
#[derive(Serialize, Deserialize)]
struct FirstAnswer {
    fingerprint: String,
    expires_at: Timestamp,
    order: Order,
}

/// What a round of placing came to, beside `Failure`.
type Outcome = Result<Placed, PlaceError>;

impl Orders {
    /// Places an order: it is durable, and its event with it, before this returns.
    ///
    /// # Errors
    /// [`PlaceError`]; only a `Failed` may be tried again.
    pub async fn place(&self, wish: Place) -> Outcome {
        self.place_admitted(wish, None).await
    }

    /// The same, with the token that ordering a SKU in a flash sale takes. Once there is an order,
    /// the token is used up; an order that takes none leaves it as it is.
    ///
    /// # Errors
    /// [`PlaceError`]; only a `Failed` may be tried again.
    pub async fn place_admitted(&self, wish: Place, token: Option<&str>) -> Outcome {
        let lines = merge_lines(&wish.lines)?;
        let fingerprint =
            wish.idempotency.as_ref().map(|_| fingerprint(&wish.lines, wish.currency));
        let id = self.ids.next().map_err(|error| Failure::Unavailable(Box::new(error)))?;
        let fingerprint = fingerprint.as_deref();
        let round = |look| self.place_round(&wish, &lines, token, fingerprint, id, look);
        // A key is new nearly always: what was answered to it is asked for only when there is no
        // order without it. The row of a key that is known refuses the order.
        let outcome = match round(false).await? {
            Round::Done(outcome) if outcome.is_ok() || fingerprint.is_none() => outcome,
            Round::Done(_) | Round::Again => rounds(&*self.clock, id.get(), || round(true)).await?,
        };
        if let Ok(Placed { order, replayed: false }) = &outcome {
            self.remind(&order.value).await;
        }
        outcome
    }

    /// One attempt. `look` asks for the first answer to the key before anything else.
    async fn place_round(
        &self,
        wish: &Place,
        lines: &[LineRequest],
        token: Option<&str>,
        fingerprint: Option<&str>,
        id: OrderId,
        look: bool,
    ) -> Result<Round<Outcome>, Failure> {
        let now = self.clock.now();
        let mut changes = Changeset::new();
        let known = match (&wish.idempotency, fingerprint) {
            (Some(idempotency), Some(fingerprint)) => {
                let first = if look {
                    self.first_answer(&wish.customer_id, &idempotency.key).await?
                } else {
                    None
                };
                if let Some(answer) = replay(first.as_ref(), fingerprint, now, id) {
                    return Ok(Round::Done(answer));
                }
                Some((&idempotency.key, fingerprint, first.map_or(0, |first| first.version)))
            }
            (None, _) | (_, None) => None,
        };
        let admission = match self.admission(wish, lines, token, now).await? {
            Ok(admission) => admission,
            Err(reason) => return Ok(Round::Done(Err(reason.into()))),
        };
        let order_wish = PlaceOrder {
            id,
            customer_id: wish.customer_id.clone(),
            lines: lines.to_vec(),
            currency: wish.currency,
            pay_by: now.after(self.settings.payment_timeout),
        };
        let offers = self.offers(lines).await?;
        let (order, event) = match place(order_wish, &offers, now) {
            Ok(Decision::Change(order, event)) => (order, event),
            Ok(Decision::Nothing) => return Ok(Round::Again),
            Err(rejection) => return Ok(Round::Done(Err(rejection.into()))),
        };
        if let Some((key, fingerprint, version)) = known {
            let first = answer_row(&wish.customer_id, key, fingerprint, &order, now);
            changes = changes.put(first, version);
        }
        if let Some(admission) = &admission {
            changes = admission.used_by(changes, id);
        }
        let changes = Self::write(changes, None, &order, event, now, wish.trace.clone());
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(Ok(placed(order, false))),
            Err(refusal @ (Refusal::Stale | Refusal::AlreadyHandled | Refusal::OutOfStock)) => {
                match (self.load(id).await?, admission) {
                    // An outcome that was unknown: it had taken effect.
                    (Some(order), _) => Round::Done(Ok(Placed { order, replayed: false })),
                    (None, Some(admission)) if refusal == Refusal::AlreadyHandled => {
                        Round::Done(Err(self.why_not(&admission).await?.into()))
                    }
                    // Another request with the same key was faster.
                    (None, _) => Round::Again,
                }
            }
        })
    }

    async fn first_answer(
        &self,
        customer_id: &CustomerId,
        key: &str,
    ) -> Result<Option<Versioned<FirstAnswer>>, Failure> {
        let key = row::idempotency_key(customer_id, key);
        self.store.get(&key).await?.as_ref().map(row::decode).transpose()
    }

    async fn offers(&self, lines: &[LineRequest]) -> Result<Vec<Option<Offer>>, Failure> {
        let mut offers = Vec::with_capacity(lines.len());
        for line in lines {
            offers.push(self.offer(&line.sku).await?);
        }
        Ok(offers)
    }
}

/// The answer that a first one in force demands; its expiry is judged by its own time stamp.
fn replay(
    first: Option<&Versioned<FirstAnswer>>,
    fingerprint: &str,
    now: Timestamp,
    id: OrderId,
) -> Option<Outcome> {
    let first = &first.filter(|first| first.value.expires_at > now)?.value;
    if first.fingerprint != fingerprint {
        return Some(Err(PlaceError::KeyReused));
    }
    // The same id: this very request, whose commit had an unknown outcome.
    Some(Ok(placed(first.order.clone(), first.order.id != id)))
}

fn placed(order: Order, replayed: bool) -> Placed {
    Placed { order: Versioned { value: order, version: 1 }, replayed }
}

fn answer_row(
    customer_id: &CustomerId,
    key: &str,
    fingerprint: &str,
    order: &Order,
    now: Timestamp,
) -> NewRow {
    let expires_at = now.after(std::time::Duration::from_secs(IDEMPOTENCY_DAYS * 86_400));
    let answer =
        FirstAnswer { fingerprint: fingerprint.to_owned(), expires_at, order: order.clone() };
    let mut row = row::plain(row::idempotency_key(customer_id, key), &answer);
    row.expires_at = Some(expires_at);
    row
}

/// What makes two bodies the same: the lines as sent, whatever the white space between them, and
/// the currency, if one was named.
fn fingerprint(lines: &[LineRequest], currency: Option<Currency>) -> String {
    let mut hash = Sha256::new();
    hash.update(currency.map_or("", Currency::code));
    for line in lines {
        hash.update(line.sku.as_str());
        hash.update([0]);
        hash.update(line.quantity.to_be_bytes());
    }
    hex::encode(hash.finalize())
}
