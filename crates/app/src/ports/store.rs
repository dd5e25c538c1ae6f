//! The store: rows by key, conditional transactions. Modelled on what DynamoDB can do.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lmall_domain::{Timestamp, event::Service};

use crate::changeset::{Changeset, Refusal};

/// One table a service; no service reads another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Orders, the catalogue copy, machine id leases.
    Order,
    /// The stock ledger and reservations.
    Inventory,
    /// Payments and provider events.
    Payment,
    /// Products and what is said of them.
    Catalogue,
    /// Customers, their sessions and what is theirs.
    Customer,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Order, Self::Inventory, Self::Payment, Self::Catalogue, Self::Customer];

    /// Those in which something is written about orders.
    pub const OF_ORDERS: [Self; 4] = [Self::Order, Self::Inventory, Self::Payment, Self::Catalogue];

    /// The table of the service.
    #[must_use]
    pub const fn of(service: Service) -> Self {
        match service {
            Service::Order => Self::Order,
            Service::Inventory => Self::Inventory,
            Service::Payment => Self::Payment,
            Service::Product => Self::Catalogue,
            Service::Customer => Self::Customer,
        }
    }
}

/// The name of a row: its table, its partition and its place in the partition. Neither is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The partition, such as an order id.
    pub partition: String,
    /// The sort key within the partition.
    pub sort: String,
}

impl Key {
    /// The key of that row.
    pub fn new(table: Table, partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { table, partition: partition.into(), sort: sort.into() }
    }
}

/// A sparse index: only rows that name it are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// Orders of a customer, by order id.
    ByCustomer,
    /// Orders that have not ended, sharded, by `pay_by`.
    Open,
    /// Outbox rows that are not SENT, sharded, by creation.
    OutboxPending,
    /// Reservations that hold or may hold stock, sharded, by expiry.
    Expiry,
    /// Payments with a refund under way, sharded, by its last attempt.
    RefundOpen,
    /// Products, by their last change.
    ByChange,
    /// Reviews of a product, by the time of writing.
    ByProduct,
    /// Customers who are gone and have left rows behind, sharded, by when they went.
    Leaving,
}

/// A row's place in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// Which index.
    pub index: Index,
    /// The partition within it.
    pub partition: String,
    /// The sort key within that; unique in its partition. Neither is empty.
    pub sort: String,
}

/// A row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Its name.
    pub key: Key,
    /// Its content: one JSON document.
    pub body: Vec<u8>,
    /// The indexes it is in from now on: in each at one place at most.
    pub indexes: Vec<IndexEntry>,
    /// When it may be deleted. Until that happens it may still be read.
    pub expires_at: Option<Timestamp>,
}

/// A row as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub key: Key,
    /// 1 when inserted, one more with each replacement or adjustment.
    pub version: u64,
    /// One JSON document. One that is a flat object of whole numbers may come with its members
    /// in another order than it was written with.
    pub body: Bytes,
}

/// Some rows of one partition, by sort key.
#[derive(Debug, Clone)]
pub struct Query {
    /// The table.
    pub table: Table,
    /// The partition.
    pub partition: String,
    /// Only sort keys that begin so; empty for all.
    pub prefix: String,
    /// Only sort keys past this one, in the direction of the query.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Greatest first.
    pub descending: bool,
}

/// Some rows of one partition of an index, by the index's sort key.
#[derive(Debug, Clone)]
pub struct IndexQuery {
    /// The table.
    pub table: Table,
    /// The index.
    pub index: Index,
    /// The partition of the index.
    pub partition: String,
    /// Only sort keys past this one, in the direction of the query.
    pub after: Option<String>,
    /// Only sort keys up to and including this one.
    pub until: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Greatest first.
    pub descending: bool,
}

/// What a query found.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows, in order.
    pub items: Vec<Item>,
    /// `after` of the next page; `None` when there is no more.
    pub next: Option<String>,
}

/// A store that does not answer. Nothing is known of what it did.
#[derive(Debug, thiserror::Error)]
#[error("the store does not answer")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A changeset that is not known to have taken effect.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// It has not: a condition did not hold. This is what the first such write said it means.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// It has not, and may if tried again: another transaction was in the way, the store is
    /// throttled, the disk is full.
    #[error("the store cannot take it now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It may have. Committing the same changeset again tells.
    #[error("the outcome of a transaction is unknown")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Rows by key and conditional transactions.
#[async_trait]
pub trait Store: Send + Sync {
    /// The row, as last committed.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError>;

    /// Some rows of a partition.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn query(&self, query: &Query) -> Result<Page, StoreError>;

    /// Some rows of an index. It may lag behind the table: what is read is a hint to decide on
    /// the row itself.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError>;

    /// Makes all writes of the changeset, and its outbox row, durable; or none of them. The
    /// caller promises that there is at least one: [`Changeset::is_empty`] does not hold.
    ///
    /// # Errors
    /// [`CommitError`] says whether it can have taken effect.
    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError>;
}

/// Reading a whole table: for audits and rebuilds, never on a hot path.
#[async_trait]
pub trait Scan: Send + Sync {
    /// At most `limit` rows after `after`, the last row of the answer before; none when there
    /// are no more. The order is the store's own, but the rows of a partition come together. It
    /// is no snapshot.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn scan(
        &self,
        table: Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError>;
}

/// Waiting for a row to change.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Returns when the row's version may have passed `seen_version`, or after `timeout`.
    /// `false` says that nobody should wait any longer: the process is to stop.
    async fn changed(&self, key: &Key, seen_version: u64, timeout: Duration) -> bool;
}
