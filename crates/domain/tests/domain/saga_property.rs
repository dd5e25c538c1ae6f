//! Orders, reservations and payments together, wired as the services wire them, under a
//! scheduler that delivers in any order, repeats, cancels, lets time pass and pays badly.

use std::collections::{BTreeMap, BTreeSet};

use lmall_domain::{
    EventId, Money, OrderId, Sku, Timestamp,
    catalogue::{Offer, Pricing},
    event::{CancelReason, Envelope, Event, EventType, RefundDue, Service},
    order::{self, LineRequest, Order, PlaceOrder, Status, Stock, place},
    payment::{self, Kind, Movement, Payment, Progress},
    stock::{self, Allocation, Bucket, Move, Reservation, State, allocate},
};
use proptest::{collection::vec, prelude::*};

use super::support::{PLACED, at, eur, payment_id, provider, sku, yen};

const PAY_BY_S: u64 = 1_800;
const EXPIRES_S: u64 = 2_100;
const SKUS: [&str; 2] = ["cup", "tea"];
const UNIT_PRICE: i64 = 100;

/// What a test begins with.
#[derive(Debug, Clone)]
struct Scenario {
    /// For each SKU, what its buckets received.
    received: Vec<Vec<i64>>,
    /// For each order, how many of each SKU; none at all is made one cup.
    orders: Vec<[u32; 2]>,
    /// What providers will say: of which order, and what.
    payments: Vec<(usize, Paid)>,
}

/// A provider's event, of one of two payments.
#[derive(Debug, Clone, Copy)]
enum Paid {
    Whole(u8),
    Half(u8),
    TooMuch(u8),
    Foreign(u8),
    Failed(u8),
}

/// What chance does next. Numbers pick one of what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Deliver {
        pick: u16,
        again: bool,
    },
    Webhook {
        pick: u16,
        again: bool,
    },
    Gateway {
        pick: u16,
        answer: Answer,
    },
    CustomerCancels {
        pick: u16,
    },
    Schedulers,
    /// To the payment deadline, then to the expiry of reservations.
    Clock,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Lost,
    Accepted,
    Done,
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let which = 0..2_u8;
    let paid = prop_oneof![
        6 => which.clone().prop_map(Paid::Whole),
        3 => which.clone().prop_map(Paid::Half),
        1 => which.clone().prop_map(Paid::TooMuch),
        1 => which.clone().prop_map(Paid::Foreign),
        1 => which.prop_map(Paid::Failed),
    ];
    (vec(vec(0..4_i64, 1..3), 2), vec([0..4_u32, 0..3_u32], 1..4), vec((0..3_usize, paid), 0..8))
        .prop_map(|(received, orders, payments)| Scenario { received, orders, payments })
}

fn schedules() -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![Just(Answer::Lost), Just(Answer::Accepted), Just(Answer::Done)];
    let step = prop_oneof![
        24 => (any::<u16>(), prop::bool::weighted(0.2))
            .prop_map(|(pick, again)| Step::Deliver { pick, again }),
        8 => (any::<u16>(), prop::bool::weighted(0.2))
            .prop_map(|(pick, again)| Step::Webhook { pick, again }),
        3 => (any::<u16>(), answer).prop_map(|(pick, answer)| Step::Gateway { pick, answer }),
        1 => any::<u16>().prop_map(|pick| Step::CustomerCancels { pick }),
        2 => Just(Step::Schedulers),
        1 => Just(Step::Clock),
    ];
    vec(step, 0..150)
}

/// Whether a message may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handled {
    Yes,
    /// Not yet, or a part of it: it is delivered again.
    Later,
}

struct Shop {
    now: Timestamp,
    orders: BTreeMap<OrderId, Order>,
    reservations: BTreeMap<OrderId, Reservation>,
    payments: BTreeMap<OrderId, Payment>,
    ledger: BTreeMap<(Sku, u8), Bucket>,
    /// Each on its way to one consumer.
    messages: Vec<(Service, Envelope)>,
    /// The dedupe rows.
    handled: BTreeSet<(&'static str, EventId)>,
    written: BTreeSet<EventId>,
    webhooks: Vec<(OrderId, Movement)>,
}

impl Shop {
    fn open(scenario: &Scenario) -> Self {
        let mut shop = Self {
            now: PLACED,
            orders: BTreeMap::new(),
            reservations: BTreeMap::new(),
            payments: BTreeMap::new(),
            ledger: BTreeMap::new(),
            messages: Vec::new(),
            handled: BTreeSet::new(),
            written: BTreeSet::new(),
            webhooks: Vec::new(),
        };
        for (name, buckets) in SKUS.iter().zip(&scenario.received) {
            for (number, received) in (0..).zip(buckets) {
                let bucket =
                    Bucket { available: *received, received: *received, ..Bucket::default() };
                shop.ledger.insert((sku(name), number), bucket);
            }
        }
        for (number, quantities) in (1..).zip(&scenario.orders) {
            shop.place(order_id(number), *quantities);
        }
        for (number, (of, paid)) in scenario.payments.iter().enumerate() {
            let of = order_id(u64::try_from(of % scenario.orders.len()).expect("few") + 1);
            let total = shop.orders[&of].total;
            shop.webhooks.push((of, movement(number, total, *paid)));
        }
        shop
    }

    fn place(&mut self, id: OrderId, quantities: [u32; 2]) {
        let quantities = if quantities == [0, 0] { [1, 0] } else { quantities };
        let wanted = SKUS.iter().zip(quantities).filter(|(_, quantity)| *quantity > 0);
        let lines: Vec<_> =
            wanted.map(|(name, quantity)| LineRequest { sku: sku(name), quantity }).collect();
        let product = |line: &LineRequest| {
            let (sku, name) = (line.sku.clone(), line.sku.to_string());
            Some(Offer { sku, name, version: 1, pricing: Pricing::fixed(eur(UNIT_PRICE)) })
        };
        let products: Vec<_> = lines.iter().map(product).collect();
        let customer_id = "ada".parse().expect("a customer id");
        let wish = PlaceOrder { id, customer_id, lines, currency: None, pay_by: at(PAY_BY_S) };
        let placed = place(wish, &products, self.now).expect("it can be placed");
        let order::Decision::Change(order, event) = placed else { panic!("not placed") };
        self.commit_order(order, event);
    }

    fn write(&mut self, of: OrderId, seq: u32, event: Event) {
        let event_id = EventId::of(of, event.event_type().service(), seq);
        assert!(self.written.insert(event_id.clone()), "{event_id} was written twice");
        for consumer in subscribers(event.event_type()) {
            let envelope = Envelope {
                event_id: event_id.clone(),
                occurred_at: self.now,
                aggregate_id: of.into(),
                event: event.clone(),
            };
            self.messages.push((*consumer, envelope));
        }
    }

    fn commit_order(&mut self, order: Order, event: Option<Event>) {
        let (id, seq) = (order.id, order.events);
        self.orders.insert(id, order);
        if let Some(event) = event {
            self.write(id, seq, event);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Deliver { pick, again } => {
                if let Some(index) = choose(pick, self.messages.len()) {
                    self.deliver(index, again);
                }
            }
            Step::Webhook { pick, again } => {
                if let Some(index) = choose(pick, self.webhooks.len()) {
                    self.webhook(index, again);
                }
            }
            Step::Gateway { pick, answer } => {
                let open = self.open_refunds();
                if let Some(index) = choose(pick, open.len()) {
                    let (of, refund) = open[index].clone();
                    self.gateway(of, &refund, answer);
                }
            }
            Step::CustomerCancels { pick } => {
                let ids: Vec<_> = self.orders.keys().copied().collect();
                if let Some(index) = choose(pick, ids.len()) {
                    self.cancel(ids[index], CancelReason::Customer);
                }
            }
            Step::Schedulers => self.schedulers(),
            Step::Clock => self.clock(),
        }
    }

    /// Delivers a message; `again` leaves it where it is, as a lost acknowledgement does.
    fn deliver(&mut self, index: usize, again: bool) {
        let (consumer, envelope) = self.messages[index].clone();
        let key = (consumer.name(), envelope.event_id.clone());
        if !self.handled.contains(&key) {
            let handled = match consumer {
                Service::Order => self.order_hears(&envelope),
                Service::Inventory => self.inventory_hears(&envelope),
                Service::Payment => self.payment_hears(&envelope),
                Service::Product | Service::Customer => unreachable!("not of the saga"),
            };
            if handled == Handled::Later {
                return;
            }
            self.handled.insert(key);
        }
        if !again {
            self.messages.swap_remove(index);
        }
    }

    fn order_hears(&mut self, envelope: &Envelope) -> Handled {
        use order::Command as C;
        let command = match &envelope.event {
            Event::InventoryReserved(_) => C::NoteReserved,
            Event::InventoryRejected(_) => C::NoteRejected,
            Event::InventoryReleased(_) => C::NoteReleased,
            Event::InventoryConfirmed(_) => C::NoteSold,
            Event::PaymentCaptured(captured) => C::NoteCapture(captured.amount),
            Event::PaymentFailed(_) => C::NoteFailure,
            Event::PaymentRefunded(refunded) => C::NoteRefund(refunded.amount),
            other => panic!("the order service does not hear {other:?}"),
        };
        let order = &self.orders[&of(envelope)];
        let decision = order::decide(order, command, self.now).expect("never refused");
        if let order::Decision::Change(order, event) = decision {
            self.commit_order(order, event);
        }
        Handled::Yes
    }

    fn inventory_hears(&mut self, envelope: &Envelope) -> Handled {
        use stock::{Command as C, Rejection as R};
        let id = of(envelope);
        let state = self.reservations.get(&id).map(|reservation| reservation.state);
        match &envelope.event {
            Event::OrderCreated(created) if state.is_none() => {
                let (lines, expires_at) = (created.lines.clone(), at(EXPIRES_S));
                self.stock(id, C::Try { lines, expires_at }).expect("an intent is written");
                // The process may die here; the message comes again.
                Handled::Later
            }
            Event::OrderCreated(_) if state == Some(State::Trying) => {
                let command = self.find(id).map_or(C::Refuse(None), C::Hold);
                self.stock(id, command).expect("it is being tried");
                Handled::Yes
            }
            Event::OrderCreated(_) => Handled::Yes,
            Event::OrderConfirmed(_) => match self.stock(id, C::Confirm) {
                Ok(()) => Handled::Yes,
                Err(R::NotYet) => Handled::Later,
                Err(R::NotHeld) => {
                    let command = self.find(id).map_or(C::RefuseConfirm(None), C::ConfirmLate);
                    self.stock(id, command).expect("it has lapsed");
                    Handled::Yes
                }
            },
            Event::OrderCancelRequested(_) => {
                self.stock(id, C::Cancel).expect("a cancel is always answered");
                Handled::Yes
            }
            other => panic!("inventory does not hear {other:?}"),
        }
    }

    /// Units for each line, from what the ledger has.
    fn find(&self, id: OrderId) -> Option<Vec<Vec<Allocation>>> {
        let lines = &self.reservations[&id].lines;
        let of_line = |line: &stock::Line| {
            let buckets: Vec<_> = self
                .ledger
                .iter()
                .filter(|((sku, _), _)| *sku == line.sku)
                .map(|((_, number), bucket)| (*number, bucket.available))
                .collect();
            allocate(&buckets, id, line.quantity)
        };
        lines.iter().map(of_line).collect()
    }

    fn stock(&mut self, id: OrderId, command: stock::Command) -> Result<(), stock::Rejection> {
        let before = self.reservations.get(&id);
        let stock::Decision::Change(after, moves, event) =
            stock::decide(id, before, command, self.now)?
        else {
            return Ok(());
        };
        for Move { sku, bucket, flow, units } in moves {
            let bucket = self.ledger.get_mut(&(sku, bucket)).expect("a bucket that exists");
            for (name, delta) in flow.deltas(i64::from(units)) {
                match name {
                    "available" => bucket.available += delta,
                    "reserved" => bucket.reserved += delta,
                    "sold" => bucket.sold += delta,
                    other => panic!("`{other}` is no counter of a bucket"),
                }
            }
        }
        let seq = after.events;
        self.reservations.insert(id, after);
        if let Some(event) = event {
            self.write(id, seq, event);
        }
        Ok(())
    }

    fn payment_hears(&mut self, envelope: &Envelope) -> Handled {
        let id = of(envelope);
        let due = match &envelope.event {
            Event::OrderCreated(created) => {
                let known =
                    self.payments.get(&id).is_some_and(|payment| payment.expected.is_some());
                let expect = payment::Command::Expect(created.total);
                self.pay(id, if known { payment::Command::Settle } else { expect });
                let settled = self.payments[&id].movements.iter().all(|movement| movement.settled);
                return if settled { Handled::Yes } else { Handled::Later };
            }
            Event::OrderConfirmed(confirmed) => confirmed.refund_due.clone(),
            Event::OrderCanceled(canceled) => canceled.refund_due.clone(),
            Event::OrderRefundRequested(requested) => Some(requested.refund_due.clone()),
            other => panic!("payment does not hear {other:?}"),
        };
        if let Some(due) = due {
            self.refund(id, due);
        }
        Handled::Yes
    }

    fn refund(&mut self, id: OrderId, due: RefundDue) {
        let asked = |shop: &Self| -> i64 {
            let refunds = shop.payments.get(&id).map(|payment| &payment.refunds[..]);
            refunds.unwrap_or_default().iter().map(|refund| refund.amount.amount).sum()
        };
        let before = asked(self);
        let amount = due.amount.amount;
        self.pay(id, payment::Command::RequestRefund(due));
        assert_eq!(asked(self) - before, amount, "a refund of {id} is asked for whole");
    }

    fn pay(&mut self, id: OrderId, command: payment::Command) {
        let decision = payment::decide(id, self.payments.get(&id), command, self.now);
        let payment::Decision::Change(after, event) = decision.expect("far below the limit") else {
            return;
        };
        let seq = after.events;
        self.payments.insert(id, after);
        if let Some(event) = event {
            self.write(id, seq, event);
        }
    }

    fn webhook(&mut self, index: usize, again: bool) {
        let (id, movement) = self.webhooks[index].clone();
        self.pay(id, payment::Command::Record(movement));
        if !again {
            self.webhooks.swap_remove(index);
        }
    }

    fn open_refunds(&self) -> Vec<(OrderId, payment::Refund)> {
        let of_payment = |(id, payment): (&OrderId, &Payment)| {
            let open = payment.refunds.iter().filter(|refund| refund.progress.is_open());
            open.map(|refund| (*id, refund.clone())).collect::<Vec<_>>()
        };
        self.payments.iter().flat_map(of_payment).collect()
    }

    /// Asks a provider for a refund. It does it once, and its webhook says so, if not at once.
    fn gateway(&mut self, of: OrderId, refund: &payment::Refund, answer: Answer) {
        let event = payment_id(&format!("evt_{}", refund.id));
        let told = |(_, movement): &(OrderId, Movement)| movement.provider_event_id == event;
        let first = refund.progress == Progress::Requested && !self.webhooks.iter().any(told);
        if first {
            let movement = Movement {
                provider: refund.provider.clone(),
                provider_event_id: event,
                payment_id: refund.payment_id.clone(),
                kind: Kind::Refunded,
                amount: refund.amount,
                refund_id: Some(refund.id.clone()),
                recorded_at: self.now,
                settled: false,
            };
            self.webhooks.push((of, movement));
        }
        match answer {
            Answer::Lost => self.pay(of, payment::Command::Attempt(refund.id.clone())),
            Answer::Accepted => self.pay(of, payment::Command::Accept(refund.id.clone())),
            Answer::Done => self.pay(of, payment::Command::Answer(refund.id.clone())),
        }
    }

    fn cancel(&mut self, id: OrderId, reason: CancelReason) {
        let command = order::Command::Cancel(reason);
        let decision = order::decide(&self.orders[&id], command, self.now);
        if let Ok(order::Decision::Change(order, event)) = decision {
            self.commit_order(order, event);
        }
    }

    /// What runs each minute, over everything.
    fn schedulers(&mut self) {
        let ids: Vec<_> = self.orders.keys().copied().collect();
        for id in ids {
            self.cancel(id, CancelReason::PaymentTimeout);
            self.stock(id, stock::Command::Expire).expect("an expiry is never refused");
        }
    }

    fn clock(&mut self) {
        self.now = if self.now < at(PAY_BY_S) { at(PAY_BY_S) } else { at(EXPIRES_S) };
    }

    /// The faults stop, and everything on its way arrives.
    fn drain(&mut self) {
        for _ in 0..1_000 {
            let quiet = self.messages.is_empty() && self.webhooks.is_empty();
            if quiet && self.open_refunds().is_empty() && self.now == at(EXPIRES_S) {
                let written = self.written.len();
                self.schedulers();
                if self.written.len() == written {
                    return;
                }
            }
            for index in (0..self.messages.len()).rev() {
                self.deliver(index, false);
            }
            for index in (0..self.webhooks.len()).rev() {
                self.webhook(index, false);
            }
            for (of, refund) in self.open_refunds() {
                self.gateway(of, &refund, Answer::Accepted);
            }
            if self.messages.is_empty() {
                self.clock();
                self.schedulers();
            }
        }
        panic!("it never comes to rest: {:?}", self.messages);
    }

    /// What holds at every moment.
    fn check(&self) {
        for (of, bucket) in &self.ledger {
            let Bucket { available, reserved, sold, received } = *bucket;
            assert_eq!(available + reserved + sold, received, "I1 of {of:?}");
            assert!(available >= 0 && reserved >= 0 && sold >= 0, "I1 of {of:?}: {bucket:?}");
        }
        for (id, payment) in &self.payments {
            for code in [eur(0), yen(0)] {
                let left = payment.captured(code.currency) - asked(payment, code);
                assert!(left >= 0, "{id}: refunds exceed captures by {}", -left);
            }
        }
    }

    fn check_at_rest(&self) {
        let mut sold: BTreeMap<&Sku, i64> = BTreeMap::new();
        for (id, order) in &self.orders {
            let confirmed = order.status == Status::Confirmed;
            assert!(confirmed || order.status == Status::Canceled, "I2: {id} is {order:?}");
            assert_eq!(order.stock == Stock::Sold, confirmed, "I4: {id} is {order:?}");
            let state = self.reservations[id].state;
            assert_eq!(state == State::Sold, confirmed, "I4: {id} is {:?}", order.status);
            let payment = &self.payments[id];
            let kept = |code: Money| payment.captured(code.currency) - asked(payment, code);
            let wanted = if confirmed { order.total.amount } else { 0 };
            assert_eq!(kept(eur(0)), wanted, "I3: {id} is {:?}", order.status);
            assert_eq!(kept(yen(0)), 0, "I3: money in another currency goes back");
            assert_eq!(order.captured, payment.captured(order.total.currency), "{id}: captured");
            assert_eq!(order.refunded, payment.refunded(order.total.currency), "{id}: refunded");
            assert_eq!(order.refunded, order.refund_requested, "{id}: asked for, and back");
            for line in order.lines.iter().filter(|_| confirmed) {
                *sold.entry(&line.sku).or_default() += i64::from(line.quantity);
            }
        }
        for name in SKUS {
            let of_sku = || self.ledger.iter().filter(|((sku, _), _)| sku.as_str() == name);
            let sum = |of: fn(&Bucket) -> i64| of_sku().map(|(_, bucket)| of(bucket)).sum::<i64>();
            assert_eq!(sum(|bucket| bucket.reserved), 0, "I4: {name} is still held");
            let lines = sold.get(&sku(name)).copied().unwrap_or(0);
            assert_eq!(sum(|bucket| bucket.sold), lines, "I4: {name} sold");
        }
    }
}

fn order_id(number: u64) -> OrderId {
    OrderId::new(number).expect("in range")
}

fn of(envelope: &Envelope) -> OrderId {
    envelope.aggregate_id.order().expect("the saga is about orders")
}

fn choose(pick: u16, count: usize) -> Option<usize> {
    usize::from(pick).checked_rem(count)
}

fn asked(payment: &Payment, code: Money) -> i64 {
    let refunds = payment.refunds.iter();
    let same = refunds.filter(|refund| refund.amount.currency == code.currency);
    same.map(|refund| refund.amount.amount).sum()
}

fn subscribers(event_type: EventType) -> &'static [Service] {
    use EventType as E;
    match event_type {
        E::OrderCreated | E::OrderConfirmed => &[Service::Inventory, Service::Payment],
        E::OrderCancelRequested => &[Service::Inventory],
        E::OrderCanceled | E::OrderRefundRequested => &[Service::Payment],
        E::InventoryReserved
        | E::InventoryRejected
        | E::InventoryReleased
        | E::InventoryConfirmed
        | E::PaymentCaptured
        | E::PaymentFailed
        | E::PaymentRefunded => &[Service::Order],
        E::ProductChanged | E::CustomerMailRequested | E::CustomerMerged | E::CustomerErased => &[],
    }
}

fn movement(number: usize, total: Money, paid: Paid) -> Movement {
    let half = eur((total.amount / 2).max(1));
    let (which, kind, amount) = match paid {
        Paid::Whole(which) => (which, Kind::Captured, total),
        Paid::Half(which) => (which, Kind::Captured, half),
        Paid::TooMuch(which) => (which, Kind::Captured, eur(total.amount + 1)),
        Paid::Foreign(which) => (which, Kind::Captured, yen(total.amount)),
        Paid::Failed(which) => (which, Kind::Failed, total),
    };
    Movement {
        provider: provider("acme"),
        provider_event_id: payment_id(&format!("evt_{number}")),
        payment_id: payment_id(&format!("pay_{which}")),
        kind,
        amount,
        refund_id: None,
        recorded_at: PLACED,
        settled: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn every_order_ends_with_its_money_and_its_stock_in_one_place(
        scenario in scenarios(),
        schedule in schedules(),
    ) {
        let mut shop = Shop::open(&scenario);
        for step in schedule {
            shop.step(step);
            shop.check();
        }
        shop.drain();
        shop.check();
        shop.check_at_rest();
    }
}
