//! A decoded message, and the dedupe row that says that it took effect.

use std::sync::Arc;

use lmall_domain::{
    CustomerId, EventId, OrderId, Sku, Timestamp,
    event::{DecodeError, Envelope, EventType, Service},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::HandleError;
use crate::{
    Changeset, Refusal,
    changeset::dedupe_expiry,
    failure::{Failure, Round, committed, rounds},
    outbox::Trace,
    ports::{Clock, Key, Message, NewRow, Store, Table},
    row,
};

/// A message on its way into a use case.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What it says.
    pub envelope: Envelope,
    /// The request that it comes from.
    pub trace: Trace,
    body: Arc<str>,
}

/// A dedupe row: the consumer that owns the table has processed the message.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept<'a> {
    /// The event.
    pub message_id: EventId,
    /// Its kind.
    pub event_type: EventType,
    /// When it took effect.
    pub processed_at: Timestamp,
    /// Where the row is part of an audit trail, its place there and the whole envelope.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail<'a>>,
}

/// A handled event in the audit trail of its aggregate.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trail<'a> {
    /// Its place among the others.
    pub place: Place,
    /// The envelope.
    #[serde(borrow)]
    pub envelope: &'a RawValue,
}

/// A place in an audit trail: by what was written, whatever the clock said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// How many events the aggregate's own service had written, this one's answer included.
    pub events: u32,
    /// 0 for an event that was answered by the last of them, 1 for that one itself, 2 for an
    /// event that came after it and was not answered.
    pub turn: u8,
    /// The aggregate's version.
    pub version: u64,
}

impl Incoming {
    /// The prefix of the sort keys of dedupe rows in an aggregate's partition.
    pub const SORT_PREFIX: &'static str = "handled#";

    /// Decodes a message.
    ///
    /// # Errors
    /// [`DecodeError`]: such a message can never succeed.
    pub fn decode(message: &Message) -> Result<Self, DecodeError> {
        let envelope = Envelope::from_json(&message.body)?;
        Ok(Self { envelope, trace: message.trace.clone(), body: Arc::clone(&message.body) })
    }

    /// The dedupe row of the consumer that owns `table`. It lives in the partition of its
    /// aggregate, beside what the message changes.
    #[must_use]
    pub fn dedupe_row(&self, table: Table, now: Timestamp) -> NewRow {
        let mut row = self.row(table, now, None);
        row.expires_at = Some(dedupe_expiry(now));
        row
    }

    /// The same, with the envelope and kept for ever: as a part of the order's audit trail.
    #[must_use]
    pub fn trail_row(&self, table: Table, now: Timestamp, place: Place) -> NewRow {
        let envelope = serde_json::from_str(&self.body).expect("it was decoded from JSON");
        self.row(table, now, Some(Trail { place, envelope }))
    }

    /// Writes only the dedupe row of the consumer that owns `table`: the message took effect
    /// before, or in steps of its own, or means nothing.
    ///
    /// # Errors
    /// When it is not known to be there.
    pub async fn note_handled(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        table: Table,
    ) -> Result<(), Failure> {
        rounds(clock, self.envelope.aggregate_id.mixed(), async || {
            let row = self.dedupe_row(table, clock.now());
            let changes = Changeset::new().insert(row, Refusal::AlreadyHandled);
            Ok(match committed(store.commit(changes).await)? {
                Ok(()) | Err(Refusal::AlreadyHandled) => Round::Done(()),
                Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
            })
        })
        .await
    }

    /// The order that it is about.
    ///
    /// # Errors
    /// When it is about something else: it can never work.
    pub fn order_id(&self) -> Result<OrderId, Failure> {
        self.envelope.aggregate_id.order().ok_or_else(|| self.not_about("an order"))
    }

    /// The product that it is about.
    ///
    /// # Errors
    /// When it is about something else: it can never work.
    pub fn product(&self) -> Result<&Sku, Failure> {
        self.envelope.aggregate_id.product().ok_or_else(|| self.not_about("a product"))
    }

    /// The customer that it is about.
    ///
    /// # Errors
    /// When it is about something else: it can never work.
    pub fn customer(&self) -> Result<&CustomerId, Failure> {
        self.envelope.aggregate_id.customer().ok_or_else(|| self.not_about("a customer"))
    }

    fn not_about(&self, what: &str) -> Failure {
        let event = self.envelope.event.event_type().name();
        Failure::Never(format!("`{event}` is not about {what}"))
    }

    /// That the consumer named `service` does not know what to do with the message: it can
    /// never work.
    #[must_use]
    pub fn not_consumed_by(&self, service: Service) -> HandleError {
        let (service, event) = (service.name(), self.envelope.event.event_type().name());
        HandleError::Reject(format!("the {service} service does not consume `{event}`"))
    }

    fn row(&self, table: Table, now: Timestamp, trail: Option<Trail<'_>>) -> NewRow {
        let kept = Kept {
            message_id: self.envelope.event_id.clone(),
            event_type: self.envelope.event.event_type(),
            processed_at: now,
            trail,
        };
        let sort = format!("{}{}", Self::SORT_PREFIX, self.envelope.event_id);
        let partition = row::partition(&self.envelope.aggregate_id);
        row::plain(Key::new(table, partition, sort), &kept)
    }
}
