//! Topics, queues and who hears what: the one table that every form of LMall is wired by.

use lmall_domain::event::{EventType, Topic};

use crate::ports::Table;

/// A queue: one a consuming service, each with a dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Of the order service, FIFO.
    Order,
    /// Of the inventory service, FIFO.
    Inventory,
    /// Of the payment service, FIFO.
    Payment,
    /// What is not critical, standard.
    Analytics,
    /// Of the product service, FIFO.
    Product,
    /// Of the user service, FIFO.
    Customer,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Order,
        Self::Inventory,
        Self::Payment,
        Self::Analytics,
        Self::Product,
        Self::Customer,
    ];

    /// The name of the queue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "lmall-order.fifo",
            Self::Inventory => "lmall-inventory.fifo",
            Self::Payment => "lmall-payment.fifo",
            Self::Analytics => "lmall-analytics",
            Self::Product => "lmall-product.fifo",
            Self::Customer => "lmall-customer.fifo",
        }
    }

    /// The queue with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }

    /// Whether messages of a group are delivered one after another, in order.
    #[must_use]
    pub const fn is_fifo(self) -> bool {
        match self {
            Self::Order | Self::Inventory | Self::Payment | Self::Product | Self::Customer => true,
            Self::Analytics => false,
        }
    }

    /// The table in which its consumer keeps what it has handled; `None` for one that keeps no
    /// rows.
    #[must_use]
    pub const fn table(self) -> Option<Table> {
        match self {
            Self::Order => Some(Table::Order),
            Self::Inventory => Some(Table::Inventory),
            Self::Payment => Some(Table::Payment),
            Self::Product => Some(Table::Catalogue),
            Self::Customer => Some(Table::Customer),
            Self::Analytics => None,
        }
    }

    /// The event types that the queue's subscriptions let through.
    #[must_use]
    pub const fn subscriptions(self) -> &'static [EventType] {
        use EventType as E;
        match self {
            Self::Order => &[
                E::InventoryReserved,
                E::InventoryRejected,
                E::InventoryReleased,
                E::InventoryConfirmed,
                E::PaymentCaptured,
                E::PaymentFailed,
                E::PaymentRefunded,
                E::ProductChanged,
                E::CustomerMerged,
            ],
            Self::Inventory => &[E::OrderCreated, E::OrderCancelRequested, E::OrderConfirmed],
            Self::Payment => {
                &[E::OrderCreated, E::OrderConfirmed, E::OrderCanceled, E::OrderRefundRequested]
            }
            Self::Analytics => &[
                E::OrderConfirmed,
                E::OrderCanceled,
                E::PaymentCaptured,
                E::PaymentFailed,
                E::PaymentRefunded,
            ],
            Self::Product => &[E::OrderConfirmed, E::CustomerMerged, E::CustomerErased],
            Self::Customer => &[E::CustomerMailRequested],
        }
    }
}

/// The queues that a message of this type, published to this topic, is delivered to.
pub fn subscribers(topic: Topic, event_type: &str) -> impl Iterator<Item = Queue> {
    let event_type = EventType::from_name(event_type).filter(|kind| kind.topic() == topic);
    Queue::ALL
        .into_iter()
        .filter(move |queue| event_type.is_some_and(|kind| queue.subscriptions().contains(&kind)))
}
