//! How values become rows: the keys and indexes of every table, on one screen.
//!
//! | table | partition | sort | what |
//! |---|---|---|---|
//! | order | order id | `order` | an order |
//! | order | `catalogue` | SKU | a product, as orders are priced by |
//! | order | `idempotency#{customer}#{key}` | `idempotency` | a first answer |
//! | order | `tally` | shard | counts of ended orders |
//! | order | `lease` | machine id | a machine id's lease |
//! | order | `flash` | SKU | that orders of a SKU need an admission |
//! | order | `admission#{id}` | `admission` | what became of an admission |
//! | order | `admission-keys` | `keys` | what signs admissions, if nothing else was given |
//! | order | `waiting` | SKU | a waiting room (embedded form) |
//! | order | `waiting#{sku}#{opened}` | number | what happened in it, some events a row |
//! | inventory | order id | `reservation` | a reservation |
//! | inventory | `sku#{sku}` | `bucket#{nn}` | a bucket of the ledger |
//! | inventory | `sku#{sku}` | `receipt#{reference}` | a receipt or adjustment |
//! | inventory | `skus` | SKU | that a SKU has a ledger |
//! | payment | order id | `payment` | a payment |
//! | payment | `event#{provider}#{id}` | `event` | a provider's event |
//! | catalogue | `catalogue` | SKU | a product |
//! | catalogue | `categories` | path | a category |
//! | catalogue | `product#{sku}` | `stars` | counts of its reviews |
//! | catalogue | `basket#{sku}#{n}` | `{time}#{order}` | what was bought with it |
//! | catalogue | `customer#{id}` | `bought#{sku}#{order}` | that the customer bought it |
//! | catalogue | `customer#{id}` | `review#{sku}` | what the customer says of it |
//! | catalogue | `customer#{id}` | `erased` | that nothing of the customer is to be kept |
//! | customer | `customer#{id}` | `customer` | a customer, or what became of one |
//! | customer | `customer#{id}` | `session#{id}` | a session |
//! | customer | `customer#{id}` | `activity#{time}#{chance}` | what happened to the account |
//! | customer | `email#{email}` | `email` | whose an address is |
//! | customer | `identity#{provider}#{hash}` | `identity` | who somebody is that a provider names |
//! | customer | `attempts#{kind}#{hash}` | `attempts` | how often something was tried |
//! | customer | `revoked#{session}` | `revoked` | that the access tokens of a session are void |
//! | each | aggregate | `outbox#{seq}` | an event of the service |
//! | each | aggregate | `handled#{event id}` | a dedupe row |
//!
//! An aggregate's partition is the order id, `product#{sku}` or `customer#{id}`.

use lmall_domain::{
    AggregateId, CustomerId, OrderId, PaymentId, ProviderName, Sku, Timestamp, id::Reference,
    limits::TRANSACTION_WRITES_MAX, order::Order, payment::Payment, stock::Reservation,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::Failure,
    ports::{Index, IndexEntry, Item, Key, NewRow, Table},
};

/// Partitions of the indexes by time.
///
/// None takes more than 1,000 writes a second at 5,000 orders a second. An order writes two outbox
/// rows, each of which enters and leaves the index: 20,000 writes a second, 625 in each of 32.
pub const SHARDS: u64 = 32;

/// Rows over which the counts of ended orders are spread.
///
/// Two transactions seldom meet on one. All of them are made in one transaction.
pub const TALLY_SHARDS: u64 = 64;

const _: () = assert!(TALLY_SHARDS < 100 && TRANSACTION_WRITES_MAX == 100);

/// A stored value and the version that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// The row's version; 0 for a row that is not there.
    pub version: u64,
}

/// Reads a row's body.
///
/// # Errors
/// [`Failure::Corrupt`].
pub fn decode<T: DeserializeOwned>(item: &Item) -> Result<Versioned<T>, Failure> {
    let value = serde_json::from_slice(&item.body)
        .map_err(|error| Failure::Corrupt(item.key.clone(), error))?;
    Ok(Versioned { value, version: item.version })
}

/// Reads a row's body for a job that looks at many: one that cannot be read is logged and left
/// out, so that it does not keep the job from all the others.
pub fn decode_or_skip<T: DeserializeOwned>(item: &Item) -> Option<T> {
    match decode(item) {
        Ok(row) => Some(row.value),
        Err(failure) => {
            skipped(&failure);
            None
        }
    }
}

/// Logs that a job left a row out.
pub fn skipped(failure: &Failure) {
    let error = crate::failure::chain(failure);
    tracing::error!(error, "a row was skipped");
}

/// A row without indexes or expiry.
///
/// # Panics
/// Never for this project's own types: plain structs with string keys.
#[must_use]
pub fn plain<T: Serialize>(key: Key, value: &T) -> NewRow {
    let body = serde_json::to_vec(value).expect("a plain struct has a JSON form");
    NewRow { key, body, indexes: Vec::new(), expires_at: None }
}

/// Every partition of an index by time.
pub fn shards() -> impl Iterator<Item = String> {
    (0..SHARDS).map(|shard| shard.to_string())
}

/// The sort key of the last entry of an index by time that is due at `time`.
#[must_use]
pub fn due_until(time: Timestamp) -> String {
    // `~` sorts after `#` and after every digit.
    format!("{:015}~", time.as_millis())
}

fn by_time(index: Index, order_id: OrderId, time: Timestamp) -> IndexEntry {
    IndexEntry {
        index,
        partition: order_id.slot(SHARDS).to_string(),
        sort: format!("{:015}#{order_id}", time.as_millis()),
    }
}

/// The partition of an aggregate: its rows, its events, and what was heard about it.
#[must_use]
pub fn partition(aggregate: &AggregateId) -> String {
    match aggregate {
        AggregateId::Order(id) => id.to_string(),
        AggregateId::Product(sku) => format!("product#{sku}"),
        AggregateId::Customer(id) => format!("customer#{id}"),
    }
}

/// The key of an order.
#[must_use]
pub fn order_key(id: OrderId) -> Key {
    Key::new(Table::Order, id.to_string(), "order")
}

/// An order, in the index of its customer, and of open orders while it is one.
#[must_use]
pub fn order(order: &Order) -> NewRow {
    let mut row = plain(order_key(order.id), order);
    row.indexes.push(IndexEntry {
        index: Index::ByCustomer,
        partition: order.customer_id.to_string(),
        sort: customer_sort(order.id),
    });
    if order.status.is_open() {
        row.indexes.push(by_time(Index::Open, order.id, order.pay_by));
    }
    row
}

/// The sort key of an order among its customer's: as old as it is.
#[must_use]
pub fn customer_sort(id: OrderId) -> String {
    format!("{:019}", id.get())
}

/// The key of a product, as orders are priced by.
#[must_use]
pub fn offer_key(sku: &Sku) -> Key {
    Key::new(Table::Order, CATALOGUE, sku.as_str())
}

/// The partition of all products.
pub const CATALOGUE: &str = "catalogue";

/// The key of what was answered to an idempotency key.
#[must_use]
pub fn idempotency_key(customer_id: &CustomerId, key: &str) -> Key {
    Key::new(Table::Order, format!("idempotency#{customer_id}#{key}"), "idempotency")
}

/// The partition of the rows that count ended orders.
pub const TALLY: &str = "tally";

/// The key of one of the rows that count ended orders.
#[must_use]
pub fn tally_key(shard: u64) -> Key {
    Key::new(Table::Order, TALLY, format!("{shard:02}"))
}

/// The partition of the SKUs in flash mode.
pub const FLASH: &str = "flash";

/// The key that says that orders of a SKU need an admission.
#[must_use]
pub fn flash_key(sku: &Sku) -> Key {
    Key::new(Table::Order, FLASH, sku.as_str())
}

/// The key of what became of an admission.
#[must_use]
pub fn admission_key(id: &str) -> Key {
    Key::new(Table::Order, format!("admission#{id}"), "admission")
}

/// The key of the keys that sign admissions where none are configured.
#[must_use]
pub fn admission_keys_key() -> Key {
    Key::new(Table::Order, "admission-keys", "keys")
}

/// The partition of the waiting rooms that a store keeps.
pub const WAITING: &str = "waiting";

/// The key of a waiting room.
#[must_use]
pub fn waiting_key(sku: &Sku) -> Key {
    Key::new(Table::Order, WAITING, sku.as_str())
}

/// The key of a part of what happened in a waiting room.
#[must_use]
pub fn waiting_log_key(sku: &Sku, opened_at: Timestamp, number: u64) -> Key {
    let partition = format!("waiting#{sku}#{}", opened_at.as_millis());
    Key::new(Table::Order, partition, format!("{number:012}"))
}

/// The key of a reservation.
#[must_use]
pub fn reservation_key(order_id: OrderId) -> Key {
    Key::new(Table::Inventory, order_id.to_string(), "reservation")
}

/// A reservation, in the index by expiry while it may hold stock.
#[must_use]
pub fn reservation(reservation: &Reservation) -> NewRow {
    use lmall_domain::stock::State;
    let mut row = plain(reservation_key(reservation.order_id), reservation);
    match reservation.state {
        State::Trying | State::Reserved => {
            let entry = by_time(Index::Expiry, reservation.order_id, reservation.expires_at);
            row.indexes.push(entry);
        }
        State::Rejected | State::Sold | State::Released => {}
    }
    row
}

/// The partition of a SKU's ledger.
#[must_use]
pub fn ledger_partition(sku: &Sku) -> String {
    format!("sku#{sku}")
}

/// The prefix of the sort keys of buckets.
pub const BUCKET_PREFIX: &str = "bucket#";

/// The key of a bucket.
#[must_use]
pub fn bucket_key(sku: &Sku, bucket: u8) -> Key {
    Key::new(Table::Inventory, ledger_partition(sku), format!("{BUCKET_PREFIX}{bucket:02}"))
}

/// The key of a receipt or adjustment.
#[must_use]
pub fn receipt_key(sku: &Sku, reference: &Reference) -> Key {
    Key::new(Table::Inventory, ledger_partition(sku), format!("receipt#{reference}"))
}

/// The partition that lists the SKUs that have a ledger.
pub const SKUS: &str = "skus";

/// The key that says that a SKU has a ledger.
#[must_use]
pub fn sku_key(sku: &Sku) -> Key {
    Key::new(Table::Inventory, SKUS, sku.as_str())
}

/// The key of a payment.
#[must_use]
pub fn payment_key(order_id: OrderId) -> Key {
    Key::new(Table::Payment, order_id.to_string(), "payment")
}

/// A payment, in the index of open refunds while it has one.
#[must_use]
pub fn payment(payment: &Payment) -> NewRow {
    let mut row = plain(payment_key(payment.order_id), payment);
    let open = payment.refunds.iter().filter(|refund| refund.progress.is_open());
    if let Some(oldest) = open.map(|refund| refund.attempted_at).min() {
        row.indexes.push(by_time(Index::RefundOpen, payment.order_id, oldest));
    }
    row
}

/// The key of a provider's event.
#[must_use]
pub fn provider_event_key(provider: &ProviderName, id: &PaymentId) -> Key {
    Key::new(Table::Payment, format!("event#{provider}#{id}"), "event")
}
