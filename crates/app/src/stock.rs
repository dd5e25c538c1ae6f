//! The inventory service's use cases: Try, Confirm, Cancel, and the ledger behind them.

mod consume;
mod expire;
mod find;
mod gate;
mod ledger;
mod reserve;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lmall_domain::{
    OrderId, Sku, Timestamp,
    event::Event,
    stock::{self, Command, Decision, Move, Rejection, Reservation},
};
use parking_lot::Mutex;

pub use gate::Drift;
pub use ledger::{Level, Receipt, ReceiptOutcome};

use crate::{
    Changeset, OutboxRow, Refusal, Trace, Write,
    decided::{self, Cell, Outcome},
    failure::Failure,
    ports::{Clock, StockGate, Store, Table},
    row::{self, Versioned},
};

/// How stock is held.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a reservation outlives its order's `pay_by`.
    pub reservation_grace: Duration,
    /// Into how many buckets the ledger row of a new SKU is split.
    pub buckets: u8,
}

/// The inventory service.
#[derive(Clone)]
pub struct Inventory {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gate: Arc<dyn StockGate>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    /// SKUs that the gate was found not to know.
    noted: Arc<Mutex<BTreeSet<Sku>>>,
}

/// The table of this service.
const TABLE: Table = Table::Inventory;

impl Inventory {
    /// The service on these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        gate: Arc<dyn StockGate>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self { store, gate, clock, settings, noted: Arc::default() }
    }

    /// The reservation of an order and its version; `None` when there is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reservation(
        &self,
        order_id: OrderId,
    ) -> Result<Option<Versioned<Reservation>>, Failure> {
        self.store.get(&row::reservation_key(order_id)).await?.as_ref().map(row::decode).transpose()
    }

    /// The writes of a decision: the reservation, the ledger's movements and the event.
    fn write(
        changes: Changeset,
        version: u64,
        reservation: &Reservation,
        moves: Vec<Move>,
        event: Option<Event>,
        now: Timestamp,
        trace: Trace,
    ) -> Changeset {
        let outbox = event.map(|event| {
            OutboxRow::new(reservation.order_id, reservation.events, event, now, trace)
        });
        let changes = changes.put(row::reservation(reservation), version).event(outbox);
        moves.into_iter().fold(changes, |changes, step| {
            let key = row::bucket_key(&step.sku, step.bucket);
            let deltas = step.flow.deltas(i64::from(step.units));
            changes.with(Write::Adjust(key, deltas), Refusal::OutOfStock)
        })
    }
}

/// What the domain decides, for those who watch to see.
fn decide(
    order_id: OrderId,
    reservation: Option<&Reservation>,
    command: Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let cell = decided::is_watched().then(|| Cell::of_reservation(reservation, &command, now));
    let decision = stock::decide(order_id, reservation, command, now);
    if let Some(cell) = cell {
        let outcome = match &decision {
            Ok(Decision::Nothing) => Outcome::Ignored,
            Ok(Decision::Change(_, _, event)) => Outcome::Changed(event.as_ref()),
            Err(rejection) => Outcome::Rejected(rejection.to_string()),
        };
        cell.show(order_id, now, &outcome);
    }
    decision
}
