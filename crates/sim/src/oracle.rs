//! Who knows the right answer: a simple model of the shop, and the invariants I1 to I8.
//!
//! Every transaction and every message passes here. What must hold at every moment is checked
//! with each of them; what must hold at rest, at rest. Nothing here asks the shop what it thinks
//! of itself: money is what the provider's books say, stock what operators and customers did.

mod delivery;
mod leases;
mod money;
mod orders;
mod rest;
mod stock;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use lmall_app::{
    Changeset,
    ports::{Item, Key, Message, Table},
    topology::Queue,
};
use lmall_domain::{
    CustomerId, EventId, Money, OrderId, Sku,
    id::Reference,
    order::{LineRequest, Order, PlaceRejection},
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use self::{
    delivery::Deliveries,
    leases::{LEASES, Leases},
    orders::Orders,
    stock::Stock,
};
use crate::{
    aws::dynamo::{Applied, Change, Dynamo},
    kernel::{Kernel, ProcessId, SKEW_MAX},
    ports::{BusObserver, CommitObserver},
    provider::SharedProvider,
    system::System,
};

/// What is known of the shop, kept beside it.
pub struct Oracle {
    kernel: Kernel,
    provider: Arc<SharedProvider>,
    system: OnceLock<Weak<System>>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    orders: Orders,
    stock: Stock,
    deliveries: Deliveries,
    leases: Leases,
    /// Requests to place an order, by customer: without a key, and with which.
    asked: BTreeMap<CustomerId, (u64, BTreeSet<String>)>,
    /// The order that was answered to a key, and when.
    keys: BTreeMap<(CustomerId, String), (OrderId, Duration)>,
}

/// The promise, and the text.
pub type Broken = (&'static str, String);

/// How long an idempotency key is remembered.
const KEY_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// Reads a row that the shop wrote.
fn read<T: DeserializeOwned>(item: &Item) -> Result<T, Broken> {
    let key = &item.key;
    serde_json::from_slice(&item.body)
        .map_err(|error| ("I2", format!("row {} {} is corrupt: {error}", key.partition, key.sort)))
}

fn broken<T>(promise: &'static str, text: impl Into<String>) -> Result<T, Broken> {
    Err((promise, text.into()))
}

impl Oracle {
    /// An oracle that has seen nothing yet.
    #[must_use]
    pub fn new(kernel: Kernel, provider: Arc<SharedProvider>) -> Arc<Self> {
        let (system, books) = (OnceLock::new(), Mutex::default());
        Arc::new(Self { kernel, provider, system, books })
    }

    /// Tells it what it watches.
    pub fn watch(&self, system: &Arc<System>) {
        self.system.get_or_init(|| Arc::downgrade(system));
    }

    fn judge(&self, verdict: Result<(), Broken>) {
        if let Err((promise, text)) = verdict {
            self.kernel.violate(promise, text);
        }
    }

    fn note_activity(&self) {
        if let Some(system) = self.system.get().and_then(Weak::upgrade) {
            system.note_activity();
        }
    }

    /// A customer is about to ask for an order.
    pub fn asked(&self, customer_id: &CustomerId, key: Option<&str>) {
        // Whoever uses a key again after its life has another wish.
        let life = self.kernel.elapsed().as_secs() / KEY_LIFE.as_secs();
        let mut books = self.books.lock();
        let (keyless, keys) = books.asked.entry(customer_id.clone()).or_default();
        match key {
            Some(key) => {
                keys.insert(format!("{key}, life {life}"));
            }
            None => *keyless += 1,
        }
    }

    /// A customer was told that the order exists.
    pub fn answered(
        &self,
        order: &Order,
        customer_id: &CustomerId,
        key: Option<&str>,
        lines: &[LineRequest],
    ) {
        let now = self.kernel.elapsed();
        let mut books = self.books.lock();
        let verdict = books.orders.answered(order, customer_id, lines);
        self.judge(verdict);
        if let Some(key) = key {
            let first =
                books.keys.entry((customer_id.clone(), key.to_owned())).or_insert((order.id, now));
            let age = now.saturating_sub(first.1);
            if first.0 == order.id && age > KEY_LIFE + SKEW_MAX {
                self.kernel.violate("I2", format!("key {key} still gives order {}", order.id));
            }
            if first.0 != order.id {
                if age + SKEW_MAX < KEY_LIFE {
                    let (one, other) = (first.0, order.id);
                    self.kernel.violate("I2", format!("key {key} gave orders {one} and {other}"));
                }
                *first = (order.id, now);
            }
        }
    }

    /// A customer was told that the wish cannot be granted.
    pub fn rejected(&self, lines: &[LineRequest], rejection: &PlaceRejection) {
        let known = |line: &LineRequest| self.books.lock().orders.is_sold(&line.sku);
        if lines.iter().all(|line| line.quantity > 0 && known(line)) {
            self.kernel.violate("I2", format!("a good order was rejected: {rejection}"));
        }
    }

    /// A customer was told that the key was used with another wish.
    pub fn key_reused(&self, customer_id: &CustomerId, key: Option<&str>, lines: &[LineRequest]) {
        let books = self.books.lock();
        let first = key.and_then(|key| books.keys.get(&(customer_id.clone(), key.to_owned())));
        let same = first.is_some_and(|(id, _)| books.orders.was_asked_for(*id, lines));
        if same || key.is_none() {
            self.kernel.violate("I2", format!("key {key:?} was not used with another wish"));
        }
    }

    /// Somebody is about to say this event, which no transaction wrote.
    pub fn stray(&self, event_id: &EventId) {
        self.books.lock().deliveries.stray(event_id);
    }

    /// The `index`-th order, of all that were placed.
    #[must_use]
    pub fn order(&self, index: u64) -> Option<Order> {
        let books = self.books.lock();
        let count = u64::try_from(books.orders.known.len()).ok().filter(|count| *count > 0)?;
        books.orders.known.values().nth(usize::try_from(index % count).ok()?).cloned()
    }

    /// The price that a product is about to have.
    pub fn priced(&self, sku: &Sku, price: Money) {
        self.books.lock().orders.priced(sku, price);
    }

    /// Orders that were placed.
    #[must_use]
    pub fn orders(&self) -> u64 {
        u64::try_from(self.books.lock().orders.known.len()).unwrap_or(u64::MAX)
    }

    /// An operator was told that the receipt is recorded.
    pub fn received(&self, sku: &Sku, reference: &Reference, units: i64) {
        self.books.lock().stock.received(sku, reference, units);
    }

    /// An operator was told that the receipt is refused, and asked before without an answer.
    pub fn perhaps_received(&self, sku: &Sku, reference: &Reference, units: i64) {
        self.books.lock().stock.perhaps_received(sku, reference, units);
    }
}

impl CommitObserver for Oracle {
    fn committed(
        &self,
        process: ProcessId,
        changeset: &Changeset,
        applied: &Applied,
        model: &Dynamo,
    ) {
        if !changeset.writes().iter().all(|(write, _)| is_housekeeping(write.key())) {
            self.note_activity();
        }
        let mut books = self.books.lock();
        let verdict = applied.changes.iter().try_for_each(|change| {
            books.deliveries.row_changed(change)?;
            match kind(&change.key) {
                Kind::Order => {
                    books.leases.id_is_its_own(process, change)?;
                    books.orders.changed(change, &self.provider, self.kernel.now())
                }
                Kind::Lease => books.leases.changed(process, change),
                Kind::Reservation => books.stock.reservation_changed(change),
                Kind::Bucket => books.stock.bucket_changed(change),
                Kind::Payment => money::payment_changed(change, applied, &self.provider),
                Kind::ProviderEvent => money::event_stored(change, &self.provider),
                Kind::Other => Ok(()),
            }
        });
        let verdict = verdict.and_then(|()| books.stock.adds_up(applied, model));
        self.judge(verdict);
    }
}

impl BusObserver for Oracle {
    fn accepted(&self, queue: Queue, message: &Message, _first: bool) {
        self.note_activity();
        let verdict = self.books.lock().deliveries.accepted(queue, message);
        self.judge(verdict);
    }

    fn delivered(&self, _process: ProcessId, _queue: Queue, _message: &Message, _count: u32) {
        self.note_activity();
    }

    fn deleted(&self, queue: Queue, message: &Message) {
        let verdict = self.books.lock().deliveries.deleted(queue, message);
        self.judge(verdict);
    }

    fn died(&self, queue: Queue, message: &Message, cause: &str) {
        let group = &message.group;
        self.kernel.note(crate::kernel::WORLD, || {
            format!("{} of {group} dies in {}: {cause}", message.event_type, queue.name())
        });
        if cause.is_empty() {
            self.kernel.violate("I7", format!("a message of order {group} died without a cause"));
        }
    }

    fn lost(&self, queue: Queue, message: &Message, why: &str) {
        let verdict = self.books.lock().deliveries.lost(queue, message, why);
        self.judge(verdict);
    }
}

/// What a row is.
enum Kind {
    Order,
    Lease,
    Reservation,
    Bucket,
    Payment,
    ProviderEvent,
    Other,
}

fn kind(key: &Key) -> Kind {
    match (key.table, key.sort.as_str()) {
        (Table::Order, "order") => Kind::Order,
        (Table::Order, _) if key.partition == LEASES => Kind::Lease,
        (Table::Inventory, "reservation") => Kind::Reservation,
        (Table::Inventory, sort) if sort.starts_with(lmall_app::row::BUCKET_PREFIX) => Kind::Bucket,
        (Table::Payment, "payment") => Kind::Payment,
        (Table::Payment, "event") => Kind::ProviderEvent,
        (
            Table::Order | Table::Inventory | Table::Payment | Table::Catalogue | Table::Customer,
            _,
        ) => Kind::Other,
    }
}

/// Leases are renewed for ever, also in a system at rest.
fn is_housekeeping(key: &Key) -> bool {
    key.partition == LEASES
}

/// The row after the change, read; `None` when it is gone.
fn after<T: DeserializeOwned>(change: &Change) -> Result<Option<T>, Broken> {
    change.after.as_ref().map(read).transpose()
}

/// The row before the change, read; `None` when there was none.
fn before<T: DeserializeOwned>(change: &Change) -> Result<Option<T>, Broken> {
    change.before.as_ref().map(read).transpose()
}
