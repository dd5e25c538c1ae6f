//! Publishes the outbox rows that the stream relay left behind.
//!
//! It promises that every row which is PENDING for longer than a minute is published again,
//! each aggregate's from its oldest such row on, whatever has become of the change stream. One
//! table that is away does not keep it from the others.
//!
//! It must never be the only one that publishes: it is late by design.

use lmall_app::{
    failure::chain,
    ports::Table,
    relay::{Relay, SWEEP_AGE},
};
use lmall_lambda::{FunctionError, Tick};
use serde::Serialize;
use serde_json::Value;

/// What the function works with.
pub struct Parts {
    /// From the outbox to the bus.
    pub relay: Relay,
}

/// How many aggregates of each table had rows that were PENDING for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Of the order table.
    pub order: usize,
    /// Of the inventory table.
    pub inventory: usize,
    /// Of the payment table.
    pub payment: usize,
    /// Of the catalogue table.
    pub catalogue: usize,
    /// Of the customer table.
    pub customer: usize,
}

/// Sweeps all tables.
///
/// # Errors
/// When a table was not swept to its end, after the others were; or when called with anything
/// but a schedule's event.
pub async fn handle(input: Value, parts: &Parts) -> Result<Swept, FunctionError> {
    Tick::read(input)?;
    let mut swept = Swept::default();
    let mut failed = None;
    for table in Table::ALL {
        let count = match table {
            Table::Order => &mut swept.order,
            Table::Inventory => &mut swept.inventory,
            Table::Payment => &mut swept.payment,
            Table::Catalogue => &mut swept.catalogue,
            Table::Customer => &mut swept.customer,
        };
        match parts.relay.sweep(table, SWEEP_AGE).await {
            Ok(found) => *count = found,
            Err(failure) => {
                tracing::warn!(table = ?table, error = chain(&failure), "not swept to the end");
                failed = Some(failure);
            }
        }
    }
    let Swept { order, inventory, payment, catalogue, customer } = swept;
    tracing::info!(order, inventory, payment, catalogue, customer, "outboxes swept");
    failed.map_or(Ok(swept), |failure| Err(failure.into()))
}
