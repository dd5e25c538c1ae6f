//! The outbox row: an event, durable in the transaction that made it true.

use std::{borrow::Cow, sync::Arc};

use lmall_domain::{
    AggregateId, EventId, Timestamp,
    event::{Envelope, Event, EventType},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ports::{Index, IndexEntry, Key, Message, NewRow, Table},
    row::{SHARDS, partition},
};

/// What ties an event to the request that caused it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Arc<str>>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Arc<str>>,
}

/// Whether the relay has published a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Pending,
    Sent,
}

/// An event as the outbox keeps it: for ever, as its aggregate's audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// `{aggregate_id}-{service}-{seq}`.
    pub event_id: EventId,
    /// What it is about.
    pub aggregate_id: AggregateId,
    /// Counts the service's events of the aggregate, from 1.
    pub seq: u32,
    /// What happened.
    pub event_type: EventType,
    /// The envelope, as JSON.
    pub envelope: Arc<str>,
    /// When it was written.
    pub created_at: Timestamp,
    /// Where it came from.
    pub trace: Trace,
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    id: EventId,
    #[serde(borrow)]
    aggregate_id: Cow<'a, str>,
    seq: u32,
    event_type: EventType,
    status: Status,
    created_at: Timestamp,
    #[serde(default)]
    trace: Trace,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl OutboxRow {
    /// The prefix of the sort keys of outbox rows in an aggregate's partition.
    pub const SORT_PREFIX: &'static str = "outbox#";

    /// The `seq`-th event of its service about this aggregate.
    #[must_use]
    pub fn new(
        aggregate_id: impl Into<AggregateId>,
        seq: u32,
        event: Event,
        now: Timestamp,
        trace: Trace,
    ) -> Self {
        let event_type = event.event_type();
        let aggregate_id = aggregate_id.into();
        let event_id = EventId::of(aggregate_id.clone(), event_type.service(), seq);
        let envelope = Envelope { event_id, occurred_at: now, aggregate_id, event };
        let text = envelope.to_json().into();
        let Envelope { event_id, aggregate_id, .. } = envelope;
        Self { event_id, aggregate_id, seq, event_type, envelope: text, created_at: now, trace }
    }

    /// The table of the service that writes it.
    #[must_use]
    pub fn table(&self) -> Table {
        Table::of(self.event_type.service())
    }

    /// Its key: the partition of its aggregate, by `seq`.
    #[must_use]
    pub fn key(&self) -> Key {
        let sort = format!("{}{:06}", Self::SORT_PREFIX, self.seq);
        Key::new(self.table(), partition(&self.aggregate_id), sort)
    }

    /// The row while it waits for the relay: in the index of pending rows.
    #[must_use]
    pub fn pending(&self) -> NewRow {
        let entry = IndexEntry {
            index: Index::OutboxPending,
            partition: self.aggregate_id.slot(SHARDS).to_string(),
            sort: format!("{:015}#{}", self.created_at.as_millis(), self.event_id),
        };
        self.row(Status::Pending, vec![entry])
    }

    /// The row once it is published.
    #[must_use]
    pub fn sent(&self) -> NewRow {
        self.row(Status::Sent, Vec::new())
    }

    fn row(&self, status: Status, indexes: Vec<IndexEntry>) -> NewRow {
        let body = Body {
            id: self.event_id.clone(),
            aggregate_id: self.aggregate_id.to_string().into(),
            seq: self.seq,
            event_type: self.event_type,
            status,
            created_at: self.created_at,
            trace: self.trace.clone(),
            payload: serde_json::from_str(&self.envelope).expect("an envelope is JSON"),
        };
        let body = serde_json::to_vec(&body).expect("a plain struct has a JSON form");
        NewRow { key: self.key(), body, indexes, expires_at: None }
    }

    /// The outbox row in a stored body, and whether it is pending.
    ///
    /// # Errors
    /// When the body is not one.
    pub fn from_body(body: &[u8]) -> Result<(Self, bool), serde_json::Error> {
        let body: Body<'_> = serde_json::from_slice(body)?;
        let aggregate_id = AggregateId::parse(body.event_type.service(), &body.aggregate_id)
            .map_err(serde::de::Error::custom)?;
        let row = Self {
            event_id: body.id,
            aggregate_id,
            seq: body.seq,
            event_type: body.event_type,
            envelope: body.payload.get().into(),
            created_at: body.created_at,
            trace: body.trace,
        };
        Ok((row, body.status == Status::Pending))
    }

    /// The message that tells of it.
    #[must_use]
    pub fn message(&self) -> Message {
        Message {
            group: self.aggregate_id.to_string().into(),
            dedup_id: self.event_id.as_str().into(),
            event_type: self.event_type.name().into(),
            body: Arc::clone(&self.envelope),
            trace: self.trace.clone(),
            replays: 0,
        }
    }
}
