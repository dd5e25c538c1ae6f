//! The payment service's use cases: webhooks in, refunds out.

mod consume;
mod provider;
mod reconcile;
mod refund;
mod signature;
mod webhook;
mod wire;

use std::sync::Arc;

use lmall_domain::{
    OrderId, Timestamp,
    event::Event,
    payment::{self, Command, Decision, Payment, Rejection},
};

pub use provider::{InvalidProviders, Provider, Providers, Scheme, Secret};
pub use reconcile::{ReconcileError, Reconciliation};
pub use signature::{SignatureError, TOLERANCE, Webhook, sign, verify};
pub use webhook::{Received, StoredEvent, WebhookError};
pub use wire::{Notice, Unparsable, parse};

use crate::{
    Changeset, OutboxRow, Trace,
    decided::{self, Cell, Outcome},
    failure::Failure,
    ports::{Clock, PaymentGateway, Store, Table},
    row::{self, Versioned},
};

/// The payment service.
#[derive(Clone)]
pub struct Payments {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gateway: Arc<dyn PaymentGateway>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) providers: Arc<Providers>,
}

/// The table of this service.
const TABLE: Table = Table::Payment;

impl Payments {
    /// The service on these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        gateway: Arc<dyn PaymentGateway>,
        clock: Arc<dyn Clock>,
        providers: Arc<Providers>,
    ) -> Self {
        Self { store, gateway, clock, providers }
    }

    /// The payment of an order and its version; `None` when nothing is known of either.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn load(&self, order_id: OrderId) -> Result<Option<Versioned<Payment>>, Failure> {
        self.store.get(&row::payment_key(order_id)).await?.as_ref().map(row::decode).transpose()
    }

    /// The writes of a changed payment: itself and its event.
    fn write(
        changes: Changeset,
        before: Option<&Versioned<Payment>>,
        payment: &Payment,
        event: Option<Event>,
        now: Timestamp,
        trace: Trace,
    ) -> Changeset {
        let version = before.map_or(0, |before| before.version);
        let outbox =
            event.map(|event| OutboxRow::new(payment.order_id, payment.events, event, now, trace));
        changes.put(row::payment(payment), version).event(outbox)
    }
}

/// What the domain decides, for those who watch to see.
fn decide(
    order_id: OrderId,
    payment: Option<&Payment>,
    command: Command,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let cell = decided::is_watched().then(|| Cell::of_payment(payment, &command));
    let decision = payment::decide(order_id, payment, command, now);
    if let Some(cell) = cell {
        let outcome = match &decision {
            Ok(Decision::Nothing) => Outcome::Ignored,
            Ok(Decision::Change(_, event)) => Outcome::Changed(event.as_ref()),
            Err(rejection) => Outcome::Rejected(rejection.to_string()),
        };
        cell.show(order_id, now, &outcome);
    }
    decision
}
