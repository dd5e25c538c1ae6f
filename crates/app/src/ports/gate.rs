//! The stock gate: fast, in front of the ledger, and never the truth.

use async_trait::async_trait;
use lmall_domain::{OrderId, Sku, stock::Allocation};

/// What the gate says to a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateAnswer {
    /// Held, now or before, from these buckets.
    Granted(Vec<Allocation>),
    /// There is not enough.
    SoldOut,
    /// The gate does not know this SKU, or is being rebuilt: ask the ledger.
    Unknown,
}

/// What the gate thinks of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSnapshot {
    /// Units that it would still grant.
    pub available: i64,
    /// Who holds how many units, by order id, ascending.
    pub holds: Vec<(OrderId, i64)>,
}

/// A gate that does not answer: the ledger decides alone.
#[derive(Debug, thiserror::Error)]
#[error("the stock gate does not answer")]
pub struct GateError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Holds by `(sku, order)`. Every call is idempotent on that pair, and looks the pair up before
/// it looks at the stock.
#[async_trait]
pub trait StockGate: Send + Sync {
    /// Holds `quantity` units for the order, all or nothing.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn hold(
        &self,
        sku: &Sku,
        order_id: OrderId,
        quantity: u32,
    ) -> Result<GateAnswer, GateError>;

    /// Forgets the hold: its units are sold in the ledger.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn settle(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError>;

    /// Puts the held units back: the ledger never had or has released them.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn cancel(&self, sku: &Sku, order_id: OrderId) -> Result<(), GateError>;

    /// Adds `units` (which may be negative) that the ledger received in `bucket`.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn credit(&self, sku: &Sku, bucket: u8, units: i64) -> Result<(), GateError>;

    /// Begins a new epoch of the SKU: it is unknown until [`StockGate::open`] is called with
    /// the epoch that this returns.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn close(&self, sku: &Sku) -> Result<u64, GateError>;

    /// Opens the SKU with what the ledger has available in each bucket and the holds that are
    /// not final. `false`, and still closed, when the epoch is not the current one or anything
    /// was cancelled, settled or credited since it began.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn open(
        &self,
        sku: &Sku,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<bool, GateError>;

    /// What the gate thinks of the SKU; `None` while it is unknown.
    ///
    /// # Errors
    /// When the gate does not answer.
    async fn snapshot(&self, sku: &Sku) -> Result<Option<GateSnapshot>, GateError>;
}
