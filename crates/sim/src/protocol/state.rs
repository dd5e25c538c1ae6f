//! What a moment of the whole shop is: rows, messages on their way, and what the world did.

use std::{fmt, sync::Arc};

use lmall_app::topology::Queue;
use lmall_domain::{
    Money, PaymentId, RefundId,
    event::{Event, Service},
    order::{Order, Status},
    payment::{Movement, Payment},
    stock::{self, Bucket, Reservation},
};

/// The moments that a deadline tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Moment {
    /// The order can still be paid.
    BeforePayBy,
    /// The order is overdue; its reservation has not lapsed.
    AfterPayBy,
    /// The reservation has lapsed.
    AfterExpiry,
}

/// Events of one service on their way to one queue. Within a lane they keep their order. Between
/// two lanes of a queue nothing does: the relay of either service may lag behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Lane {
    /// What inventory says to the order service.
    OrderFromInventory,
    /// What payment says to the order service.
    OrderFromPayment,
    /// What the order service says to inventory.
    InventoryFromOrder,
    /// What the order service says to payment.
    PaymentFromOrder,
}

impl Lane {
    /// All of them, in the order of [`Case::lanes`].
    pub(super) const ALL: [Self; 4] = [
        Self::OrderFromInventory,
        Self::OrderFromPayment,
        Self::InventoryFromOrder,
        Self::PaymentFromOrder,
    ];

    /// The lane of what `source` publishes to `queue`; `None` where no row is kept.
    pub(super) const fn of(queue: Queue, source: Service) -> Option<Self> {
        match (queue, source) {
            (Queue::Order, Service::Inventory) => Some(Self::OrderFromInventory),
            (Queue::Order, Service::Payment) => Some(Self::OrderFromPayment),
            (Queue::Inventory, Service::Order) => Some(Self::InventoryFromOrder),
            (Queue::Payment, Service::Order) => Some(Self::PaymentFromOrder),
            (Queue::Order, Service::Order)
            | (Queue::Inventory | Queue::Payment, Service::Inventory | Service::Payment)
            | (Queue::Analytics | Queue::Product | Queue::Customer, _)
            | (_, Service::Product | Service::Customer) => None,
        }
    }

    /// Its place in [`Case::lanes`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::OrderFromInventory => 0,
            Self::OrderFromPayment => 1,
            Self::InventoryFromOrder => 2,
            Self::PaymentFromOrder => 3,
        }
    }
}

/// An event with its number. The event's id is the order, the service that wrote it, and this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Message {
    pub(super) seq: u32,
    pub(super) event: Arc<Event>,
}

/// The messages of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Traffic {
    /// Not acknowledged, oldest first.
    pub(super) waiting: Vec<Message>,
    /// Acknowledged, by number: each may come a second time.
    pub(super) acknowledged: Vec<Message>,
    /// The dedupe rows of the consumer, by number.
    pub(super) handled: Vec<u32>,
}

/// What a provider said to a refund, in the memory of the process that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Accepted,
    Done,
}

/// A refund message in the hands of a consumer. It dies with its process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Work {
    /// The message.
    pub(super) seq: u32,
    /// The parts that the provider was not asked for in this run.
    pub(super) parts: Vec<RefundId>,
    /// What was answered and is not written down.
    pub(super) answer: Option<(RefundId, Answer)>,
}

/// Money that the provider gave back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Returned {
    pub(super) id: RefundId,
    pub(super) payment_id: PaymentId,
    pub(super) amount: Money,
}

/// The provider's own books.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Books {
    pub(super) captures: Vec<(PaymentId, Money)>,
    pub(super) failures: u8,
    pub(super) returned: Vec<Returned>,
    /// What it has not told of.
    pub(super) webhooks: Vec<Movement>,
}

/// One order and everything that belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Case {
    pub(super) order: Option<Arc<Order>>,
    pub(super) reservation: Option<Arc<Reservation>>,
    pub(super) payment: Option<Arc<Payment>>,
    pub(super) lanes: [Arc<Traffic>; 4],
    /// Outbox rows that no relay has published, by service.
    pub(super) pending: [Vec<Message>; 3],
    pub(super) work: Option<Work>,
    pub(super) books: Arc<Books>,
}

impl Case {
    pub(super) fn lane(&self, lane: Lane) -> &Traffic {
        &self.lanes[lane.index()]
    }

    pub(super) fn lane_mut(&mut self, lane: Lane) -> &mut Traffic {
        Arc::make_mut(&mut self.lanes[lane.index()])
    }

    pub(super) fn books_mut(&mut self) -> &mut Books {
        Arc::make_mut(&mut self.books)
    }

    /// Whether the outbox has rows that no relay has published.
    pub(super) fn is_left_behind(&self) -> bool {
        !self.pending.iter().all(Vec::is_empty)
    }

    pub(super) fn status(&self) -> Option<Status> {
        self.order.as_ref().map(|order| order.status)
    }

    /// Whether nothing is on its way, neither a message nor money.
    pub(super) fn is_quiet(&self) -> bool {
        let mut refunds = self.payment.iter().flat_map(|payment| &payment.refunds);
        !refunds.any(|refund| refund.progress.is_open())
            && self.lanes.iter().all(|lane| lane.waiting.is_empty())
            && !self.is_left_behind()
            && self.work.is_none()
            && self.books.webhooks.is_empty()
    }

    /// Whether it has, or may still get, a reservation that lapses.
    fn may_lapse(&self) -> bool {
        match &self.reservation {
            None => self.order.is_some(),
            Some(reservation) => match reservation.state {
                stock::State::Trying | stock::State::Reserved => true,
                stock::State::Rejected | stock::State::Sold | stock::State::Released => false,
            },
        }
    }

    /// Whether the order was never placed, or has reached its end.
    pub(super) fn is_ended(&self) -> bool {
        self.status().is_none_or(|status| !status.is_open())
    }
}

/// Its place in [`Case::pending`].
pub(super) const fn outbox(service: Service) -> usize {
    match service {
        Service::Order => 0,
        Service::Inventory => 1,
        Service::Payment => 2,
        Service::Product | Service::Customer => panic!("they say nothing about orders"),
    }
}

/// The faults that may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) duplicates: u8,
    pub(super) crashes: u8,
    pub(super) reorderings: u8,
    pub(super) lost_webhooks: u8,
}

/// The whole shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) moment: Moment,
    /// The ledger of the one SKU.
    pub(super) bucket: Bucket,
    pub(super) cases: Vec<Case>,
    pub(super) left: Left,
}

impl State {
    /// The next moment that something waits for; `None` when nothing does.
    pub(super) fn later(&self) -> Option<Moment> {
        let later = match self.moment {
            Moment::BeforePayBy if self.waits_for_payment() => Moment::AfterPayBy,
            Moment::BeforePayBy | Moment::AfterPayBy => Moment::AfterExpiry,
            Moment::AfterExpiry => return None,
        };
        self.waits().then_some(later)
    }

    /// Moments that no deadline tells apart (any more) are one.
    pub(super) fn forget_time(&mut self) {
        let passed = self.moment == Moment::AfterPayBy && !self.waits_for_payment();
        if passed || !self.waits() {
            self.moment = Moment::BeforePayBy;
        }
    }

    fn waits(&self) -> bool {
        self.waits_for_payment() || self.cases.iter().any(Case::may_lapse)
    }

    fn waits_for_payment(&self) -> bool {
        self.cases.iter().any(|case| case.status() == Some(Status::Pending))
    }
}

impl fmt::Display for State {
    /// A line for each order that was placed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, case) in (1..).zip(&self.cases) {
            let Some(order) = &case.order else { continue };
            let reservation = case.reservation.as_ref().map(|reservation| reservation.state);
            let payment = case.payment.as_ref().map(|payment| payment.state());
            writeln!(
                f,
                "     [order {number}: {} stock {:?}, reservation {reservation:?}, payment \
                 {payment:?}; captured {}, asked back {}, back {}; {:?}]",
                order.status.name(),
                order.stock,
                order.captured,
                order.refund_requested,
                order.refunded,
                self.moment,
            )?;
        }
        Ok(())
    }
}
