//! Events: what one service tells the others, and the envelope that it travels in.
//!
//! To add an event: write its payload type here, add it to the `events!` table below, run the
//! test `schemas_match_the_committed_ones` with `UPDATE_SCHEMAS=1`, and subscribe a consumer.

mod payload;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

pub use payload::*;

use crate::{AggregateId, EventId, Timestamp};

/// The version that new envelopes carry. A consumer takes any minor of this major.
pub const SCHEMA_VERSION: &str = "1.0";

/// A service that writes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Orders.
    Order,
    /// Stock.
    Inventory,
    /// Money.
    Payment,
    /// Products.
    Product,
    /// Customers.
    Customer,
}

impl Service {
    /// The name inside event ids.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Payment => "payment",
            Self::Product => "product",
            Self::Customer => "customer",
        }
    }
}

/// Where events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Written by order and inventory.
    OrderEvents,
    /// Written by payment.
    PaymentEvents,
    /// Written by product.
    ProductEvents,
    /// Written by customer.
    CustomerEvents,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::OrderEvents, Self::PaymentEvents, Self::ProductEvents, Self::CustomerEvents];

    /// The name of the topic.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderEvents => "lmall-order-events.fifo",
            Self::PaymentEvents => "lmall-payment-events.fifo",
            Self::ProductEvents => "lmall-product-events.fifo",
            Self::CustomerEvents => "lmall-customer-events.fifo",
        }
    }
}

macro_rules! events {
    ($($variant:ident, $name:literal, $service:ident, $topic:ident;)*) => {
        /// Everything that can be said between services.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Event {
            $(#[doc = concat!("`", $name, "`")] $variant($variant),)*
        }

        /// The kind of an [`Event`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $(#[doc = concat!("`", $name, "`")] #[serde(rename = $name)] $variant,)*
        }

        impl EventType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The service that writes it.
            #[must_use]
            pub const fn service(self) -> Service {
                match self { $(Self::$variant => Service::$service,)* }
            }

            /// The topic that it is published to.
            #[must_use]
            pub const fn topic(self) -> Topic {
                match self { $(Self::$variant => Topic::$topic,)* }
            }

            /// The type with this wire name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// The JSON Schema of its payload.
            #[must_use]
            pub fn payload_schema(self) -> schemars::Schema {
                match self { $(Self::$variant => schemars::schema_for!($variant),)* }
            }
        }

        impl Event {
            /// Its kind.
            #[must_use]
            pub const fn event_type(&self) -> EventType {
                match self { $(Self::$variant(_) => EventType::$variant,)* }
            }

            fn decode(event_type: EventType, payload: &RawValue) -> Result<Self, serde_json::Error> {
                match event_type {
                    $(EventType::$variant => serde_json::from_str(payload.get()).map(Self::$variant),)*
                }
            }
        }

        impl Envelope {
            /// The JSON that travels.
            ///
            /// # Panics
            /// Never: every payload is a plain struct with string keys.
            #[must_use]
            pub fn to_json(&self) -> String {
                match &self.event {
                    $(Event::$variant(payload) => self.wire(payload),)*
                }
            }
        }

        $(impl From<$variant> for Event {
            fn from(payload: $variant) -> Self {
                Self::$variant(payload)
            }
        })*
    };
}

events! {
    OrderCreated, "order.created", Order, OrderEvents;
    OrderCancelRequested, "order.cancel.requested", Order, OrderEvents;
    OrderConfirmed, "order.confirmed", Order, OrderEvents;
    OrderCanceled, "order.canceled", Order, OrderEvents;
    OrderRefundRequested, "order.refund.requested", Order, OrderEvents;
    InventoryReserved, "inventory.reserved", Inventory, OrderEvents;
    InventoryRejected, "inventory.rejected", Inventory, OrderEvents;
    InventoryReleased, "inventory.released", Inventory, OrderEvents;
    InventoryConfirmed, "inventory.confirmed", Inventory, OrderEvents;
    PaymentCaptured, "payment.captured", Payment, PaymentEvents;
    PaymentFailed, "payment.failed", Payment, PaymentEvents;
    PaymentRefunded, "payment.refunded", Payment, PaymentEvents;
    ProductChanged, "product.changed", Product, ProductEvents;
    CustomerMailRequested, "customer.mail.requested", Customer, CustomerEvents;
    CustomerMerged, "customer.merged", Customer, CustomerEvents;
    CustomerErased, "customer.erased", Customer, CustomerEvents;
}

/// An event with its identity: what the outbox stores and the bus delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The outbox id, and what consumers deduplicate by.
    pub event_id: EventId,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// What it is about, and its FIFO group.
    pub aggregate_id: AggregateId,
    /// What happened.
    pub event: Event,
}

/// A message that can never be processed.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not an envelope, or a payload that does not fit its type.
    #[error("not a valid event envelope")]
    Malformed(#[from] serde_json::Error),
    /// An event type that this version does not know.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    /// A schema major that this version does not know.
    #[error("unsupported schema version `{0}`")]
    UnsupportedVersion(String),
}

#[derive(Serialize)]
struct WireOut<'a, P> {
    event_type: &'static str,
    event_id: &'a EventId,
    occurred_at: Timestamp,
    aggregate_id: &'a AggregateId,
    schema_version: &'static str,
    payload: &'a P,
}

#[derive(Deserialize)]
struct WireIn<'a> {
    #[serde(borrow)]
    event_type: std::borrow::Cow<'a, str>,
    event_id: EventId,
    occurred_at: Timestamp,
    #[serde(borrow)]
    aggregate_id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    schema_version: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Envelope {
    fn wire<P: Serialize + JsonSchema>(&self, payload: &P) -> String {
        let wire = WireOut {
            event_type: self.event.event_type().name(),
            event_id: &self.event_id,
            occurred_at: self.occurred_at,
            aggregate_id: &self.aggregate_id,
            schema_version: SCHEMA_VERSION,
            payload,
        };
        serde_json::to_string(&wire).expect("a plain struct with string keys has a JSON form")
    }

    /// The envelope in `json`. Fields that it does not know are ignored: minors only add.
    ///
    /// # Errors
    /// [`DecodeError`]: such a message can never succeed.
    pub fn from_json(json: &str) -> Result<Self, DecodeError> {
        let wire: WireIn<'_> = serde_json::from_str(json)?;
        if wire.schema_version.split('.').next() != SCHEMA_VERSION.split('.').next() {
            return Err(DecodeError::UnsupportedVersion(wire.schema_version.into_owned()));
        }
        let event_type = EventType::from_name(&wire.event_type)
            .ok_or_else(|| DecodeError::UnknownType(wire.event_type.into_owned()))?;
        Ok(Self {
            event_id: wire.event_id,
            occurred_at: wire.occurred_at,
            aggregate_id: AggregateId::parse(event_type.service(), &wire.aggregate_id)
                .map_err(serde_json::Error::custom)?,
            event: Event::decode(event_type, wire.payload)?,
        })
    }
}
