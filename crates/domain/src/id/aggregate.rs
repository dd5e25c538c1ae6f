//! What an event is about.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{CustomerId, InvalidId, OrderId, Sku};
use crate::event::Service;

/// What an event is about: the unit of its order, its FIFO group, and the partition of its rows.
///
/// Its text form does not say which kind it is; the service that writes about it does, for each
/// writes about one kind only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateId {
    /// An order, and with it the reservation and the payment that belong to it.
    Order(OrderId),
    /// A product.
    Product(Sku),
    /// A customer.
    Customer(CustomerId),
}

impl AggregateId {
    /// The aggregate that `service` calls `text`.
    ///
    /// # Errors
    /// When the text is no id of what the service writes about.
    pub fn parse(service: Service, text: &str) -> Result<Self, InvalidId> {
        match service {
            Service::Order | Service::Inventory | Service::Payment => text.parse().map(Self::Order),
            Service::Product => text.parse().map(Self::Product),
            Service::Customer => text.parse().map(Self::Customer),
        }
    }

    /// The order, if it is one.
    #[must_use]
    pub const fn order(&self) -> Option<OrderId> {
        match self {
            Self::Order(id) => Some(*id),
            Self::Product(_) | Self::Customer(_) => None,
        }
    }

    /// The product, if it is one.
    #[must_use]
    pub const fn product(&self) -> Option<&Sku> {
        match self {
            Self::Product(sku) => Some(sku),
            Self::Order(_) | Self::Customer(_) => None,
        }
    }

    /// The customer, if it is one.
    #[must_use]
    pub const fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Customer(id) => Some(id),
            Self::Order(_) | Self::Product(_) => None,
        }
    }

    /// 32 bits that are even, whatever the ids are like.
    #[must_use]
    pub fn mixed(&self) -> u64 {
        match self {
            Self::Order(id) => id.mixed(),
            Self::Product(sku) => mixed(sku.as_str()),
            Self::Customer(id) => mixed(id.as_str()),
        }
    }

    /// Which of `of` slots it belongs to, from 0; they fill evenly.
    #[must_use]
    pub fn slot(&self, of: u64) -> u64 {
        if of == 0 { 0 } else { self.mixed() % of }
    }
}

/// FNV-1a, with its bits spread like those of order ids: the same on every machine and for ever,
/// for it chooses where rows are kept.
const fn mixed(text: &str) -> u64 {
    let (mut hash, mut place, bytes) = (0xcbf2_9ce4_8422_2325_u64, 0, text.as_bytes());
    while place < bytes.len() {
        // Widening, where `From` is not yet const.
        #[expect(clippy::as_conversions, reason = "a byte fits")]
        let byte = bytes[place] as u64;
        hash = (hash ^ byte).wrapping_mul(0x0100_0000_01b3);
        place += 1;
    }
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

impl From<OrderId> for AggregateId {
    fn from(id: OrderId) -> Self {
        Self::Order(id)
    }
}

impl From<Sku> for AggregateId {
    fn from(sku: Sku) -> Self {
        Self::Product(sku)
    }
}

impl From<CustomerId> for AggregateId {
    fn from(id: CustomerId) -> Self {
        Self::Customer(id)
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => id.fmt(f),
            Self::Product(sku) => sku.fmt(f),
            Self::Customer(id) => id.fmt(f),
        }
    }
}

impl Serialize for AggregateId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventId;

    #[test]
    fn the_service_says_what_a_text_is() {
        let [order, sku, customer] = [
            (Service::Payment, "7212345678901"),
            (Service::Product, "7212345678901"),
            (Service::Customer, "ann@example.org"),
        ]
        .map(|(service, text)| AggregateId::parse(service, text).unwrap());
        assert_eq!(order.order(), OrderId::new(7_212_345_678_901));
        assert_eq!(sku.product(), Some(&"7212345678901".parse().unwrap()));
        assert_eq!(customer.customer(), Some(&"ann@example.org".parse().unwrap()));
        assert_eq!((sku.order(), order.customer()), (None, None));
        assert!(AggregateId::parse(Service::Order, "tea-01").is_err());
        assert!(AggregateId::parse(Service::Product, "tea 01").is_err());
    }

    #[test]
    fn every_aggregate_has_event_ids() {
        let longest: Sku = "x".repeat(Sku::LEN_MAX).parse().unwrap();
        let id = EventId::of(longest, Service::Product, u32::MAX);
        assert!(id.as_str().parse::<EventId>().is_ok(), "{id}");
        let longest: CustomerId = "@".repeat(CustomerId::LEN_MAX).parse().unwrap();
        let id = EventId::of(longest, Service::Customer, u32::MAX);
        assert!(id.as_str().parse::<EventId>().is_ok(), "{id}");
    }

    const TEA_01: u64 = 957_219_757;

    #[test]
    fn slots_fill_evenly_and_stay() {
        let mut slots = [0_u32; 32];
        for number in 0..3_200 {
            let sku: Sku = format!("tea-{number}").parse().unwrap();
            let slot = AggregateId::from(sku).slot(32);
            slots[usize::try_from(slot).unwrap()] += 1;
        }
        assert!(slots.iter().all(|count| (50..200).contains(count)), "{slots:?}");
        assert_eq!(AggregateId::from("tea-01".parse::<Sku>().unwrap()).mixed(), mixed("tea-01"));
        assert_eq!(mixed("tea-01"), TEA_01, "rows are kept where it says");
    }
}
