//! Identifiers, a type each.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::event::Service;

mod aggregate;

pub use aggregate::AggregateId;

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} must be {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

/// An order, and with it the reservation and the payment that belong to it.
///
/// A 63-bit Snowflake, so ids sort by the time of placing. Its text form is decimal digits: it
/// is a string everywhere outside the process, because JSON and Lua numbers are doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(u64);

impl OrderId {
    /// The order with this number; `None` for numbers that no generator makes.
    #[must_use]
    pub const fn new(raw: u64) -> Option<Self> {
        if raw == 0 || raw > i64::MAX.unsigned_abs() { None } else { Some(Self(raw)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// 32 bits that are as even as the ids of any time are not.
    ///
    /// Ids count from 0 in their low bits within each millisecond, so those alone would crowd the
    /// first of whatever they are spread over: all bits are mixed (Fibonacci hashing).
    #[must_use]
    pub const fn mixed(self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }

    /// Which of `of` slots the order belongs to, from 0; the ids of any time spread evenly.
    #[must_use]
    pub const fn slot(self, of: u64) -> u64 {
        if of == 0 { 0 } else { self.mixed() % of }
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OrderId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let canonical = !text.starts_with(['0', '+']) && text.len() <= 19;
        canonical
            .then(|| text.parse().ok().and_then(Self::new))
            .flatten()
            .ok_or(InvalidId { what: "an order id", rule: "a number of at most 19 digits" })
    }
}

/// Serde and JSON Schema for a type whose wire form is its text.
macro_rules! text_form {
    ($name:ident, $pattern:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

text_form!(OrderId, "^[1-9][0-9]{0,18}$");

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest text accepted, in characters.
            pub const LEN_MAX: usize = $max;

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let known = |c: u8| c.is_ascii_alphanumeric() || $extra.contains(&c);
                if (1..=$max).contains(&text.len()) && text.bytes().all(known) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId {
                        what: $what,
                        rule: concat!("1 to ", stringify!($max), " characters: letters, digits and a few signs"),
                    })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text_form!($name, concat!("^[!-~]{1,", stringify!($max), "}$"));
    };
}

text_id!(
    /// A customer, as the gateway names them.
    CustomerId, "a customer id", 64, b"_.:@-"
);
text_id!(
    /// A stock keeping unit: what is counted, priced and sold.
    Sku, "a SKU", 64, b"_.-"
);
text_id!(
    /// A configured payment provider.
    ProviderName, "a provider name", 32, b"_-"
);
text_id!(
    /// A provider's name for one of its events or payments: unique for that provider.
    PaymentId, "a provider's id", 255, b"_.:/+=~@-"
);
text_id!(
    /// What a customer calls one of their addresses.
    AddressId, "an address id", 32, b"_-"
);
text_id!(
    /// What the operator calls a receipt or an adjustment, so that it takes effect once.
    Reference, "a reference", 128, b"_.:/#@ -"
);
text_id!(
    /// A session of a customer: a family of refresh tokens.
    SessionId, "a session id", 64, b"_-"
);
text_id!(
    /// An outbox event: `{aggregate_id}-{service}-{seq}`.
    EventId, "an event id", 96, b"_.:@-"
);
text_id!(
    /// A refund that an order asks for: `{order_id}-refund-{n}`.
    RefundId, "a refund id", 64, b"_.-"
);

impl EventId {
    /// The id of the `seq`-th event, counted from 1, that `service` writes about the aggregate.
    ///
    /// It is deterministic, so a retried command can never write a second event for one change.
    #[must_use]
    pub fn of(aggregate: impl Into<AggregateId>, service: Service, seq: u32) -> Self {
        Self(format!("{}-{}-{seq}", aggregate.into(), service.name()).into())
    }
}

impl RefundId {
    /// The id of the `n`-th refund, counted from 1, of `order_id`.
    #[must_use]
    pub fn of(order_id: OrderId, n: u32) -> Self {
        Self(format!("{order_id}-refund-{n}").into())
    }

    /// The id of the `part`-th part of this refund, counted from 0: the provider's idempotency key.
    ///
    /// One refund has parts when it gives back money of more than one capture.
    #[must_use]
    pub fn part(&self, part: usize) -> Self {
        if part == 0 { self.clone() } else { Self(format!("{self}.{part}").into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_order_ids_parse() {
        for (text, ok) in [
            ("7212345678901", true),
            ("9223372036854775807", true),
            ("9223372036854775808", false),
            ("0", false),
            ("07", false),
            ("+7", false),
            ("-7", false),
            ("", false),
            ("7a", false),
            ("99999999999999999999", false),
        ] {
            assert_eq!(text.parse::<OrderId>().is_ok(), ok, "{text}");
        }
    }

    #[test]
    fn deterministic_ids_read_as_documented() {
        let order = OrderId::new(7_212_345_678_901).unwrap();
        assert_eq!(EventId::of(order, Service::Order, 1).as_str(), "7212345678901-order-1");
        assert_eq!(RefundId::of(order, 2).as_str(), "7212345678901-refund-2");
        assert_eq!(RefundId::of(order, 2).part(1).as_str(), "7212345678901-refund-2.1");
    }

    #[test]
    fn text_ids_are_bounded() {
        assert!("tea-01".parse::<Sku>().is_ok());
        assert!("".parse::<Sku>().is_err());
        assert!("a b".parse::<Sku>().is_err());
        assert!("tee\u{e9}".parse::<Sku>().is_err());
        assert!("x".repeat(65).parse::<Sku>().is_err());
    }
}
