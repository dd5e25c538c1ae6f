//! The order service's use cases.

mod adopt;
mod cancel;
mod catalogue;
mod flash;
mod offers;
mod place;
mod read;
mod remind;
mod settle;

use std::{sync::Arc, time::Duration};

use lmall_domain::{
    OrderId, Timestamp,
    event::Event,
    order::{self, Command, Decision, Order, Rejection, Status},
};

pub use cancel::CancelOutcome;
pub use flash::{FLASH_SKUS_MAX, NotAdmitted};
pub use place::{Idempotency, Place, PlaceError, Placed};
pub use read::{Tally, TrailEntry, count_by_status};

use crate::{
    Changeset, OutboxRow, Refusal, Trace, Write,
    decided::{self, Cell, Outcome},
    failure::{Failure, Round, committed, rounds},
    ports::{Clock, Deadlines, Item, OrderIds, Query, Store, Table, Watch},
    row::{self, Versioned},
};

/// How orders are taken.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// From placing to `pay_by`.
    pub payment_timeout: Duration,
}

/// The order service.
#[derive(Clone)]
pub struct Orders {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn OrderIds>,
    pub(crate) settings: Settings,
    pub(crate) deadlines: Option<Arc<dyn Deadlines>>,
    kept_offers: Option<Arc<offers::Offers>>,
    pub(crate) flash: Option<Arc<flash::Flash>>,
}

impl Orders {
    /// The service on these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        watch: Arc<dyn Watch>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn OrderIds>,
        settings: Settings,
    ) -> Self {
        Self { store, watch, clock, ids, settings, deadlines: None, kept_offers: None, flash: None }
    }

    /// The same, with reminders of when orders have to be paid, for [`Orders::cancel_reminded`].
    #[must_use]
    pub fn with_deadlines(self, deadlines: Arc<dyn Deadlines>) -> Self {
        Self { deadlines: Some(deadlines), ..self }
    }

    /// The same, with each offer that was read kept in memory for a second: for a store that
    /// cannot be asked for one row thousands of times a second.
    #[must_use]
    pub fn with_kept_offers(self) -> Self {
        Self { kept_offers: Some(Arc::default()), ..self }
    }

    /// The order and its version; `None` when there is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn load(&self, id: OrderId) -> Result<Option<Versioned<Order>>, Failure> {
        self.store.get(&row::order_key(id)).await?.as_ref().map(row::decode).transpose()
    }

    /// The writes of a changed order: itself, its event, and the tally where it ends.
    fn write(
        changes: Changeset,
        before: Option<&Versioned<Order>>,
        order: &Order,
        event: Option<Event>,
        now: Timestamp,
        trace: Trace,
    ) -> Changeset {
        let version = before.map_or(0, |before| before.version);
        let outbox = event.map(|event| OutboxRow::new(order.id, order.events, event, now, trace));
        let changes = changes.put(row::order(order), version).event(outbox);
        match tally(before.map(|before| before.value.status), order.status) {
            Some(deltas) => {
                let key = row::tally_key(order.id.slot(row::TALLY_SHARDS));
                changes.with(Write::Adjust(key, deltas), Refusal::Stale)
            }
            None => changes,
        }
    }

    /// Makes sure that the rows which count ended orders exist: without its row, no order of a
    /// shard can end.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn prepare(&self) -> Result<(), Failure> {
        let salt = u64::try_from(self.clock.now().as_millis()).unwrap_or_default();
        rounds(&*self.clock, salt, async || {
            let found = tallies(&*self.store).await?;
            let keys = (0..row::TALLY_SHARDS).map(row::tally_key);
            let missing = keys.filter(|key| found.iter().all(|item| item.key != *key));
            let changes = missing.fold(Changeset::new(), |changes, key| {
                changes.put(row::plain(key, &Tally::default()), 0)
            });
            if changes.is_empty() {
                return Ok(Round::Done(()));
            }
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(()),
                // Somebody else was faster, or nobody knows: the next look tells.
                Err(_) => Round::Again,
            })
        })
        .await
    }
}

/// The rows that count ended orders.
async fn tallies(store: &dyn Store) -> Result<Vec<Item>, Failure> {
    let query = Query {
        table: TABLE,
        partition: row::TALLY.to_owned(),
        prefix: String::new(),
        after: None,
        limit: usize::try_from(row::TALLY_SHARDS).unwrap_or(usize::MAX),
        descending: false,
    };
    Ok(store.query(&query).await?.items)
}

/// What a step from one status to another adds to the counts of ended orders.
fn tally(from: Option<Status>, to: Status) -> Option<Vec<(&'static str, i64)>> {
    let counter = |status| match status {
        Status::Confirmed => Some("confirmed"),
        Status::Canceled => Some("canceled"),
        Status::Pending | Status::Paid | Status::Canceling => None,
    };
    let (left, entered) = (from.and_then(counter), counter(to));
    if left == entered {
        return None;
    }
    let deltas = left.map(|name| (name, -1)).into_iter().chain(entered.map(|name| (name, 1)));
    Some(deltas.collect())
}

/// What the domain decides, for those who watch to see.
fn decide(order: &Order, command: Command, now: Timestamp) -> Result<Decision, Rejection> {
    let cell = decided::is_watched().then(|| Cell::of_order(order, command, now));
    let decision = order::decide(order, command, now);
    if let Some(cell) = cell {
        let outcome = match &decision {
            Ok(Decision::Nothing) => Outcome::Ignored,
            Ok(Decision::Change(_, event)) => Outcome::Changed(event.as_ref()),
            Err(rejection) => Outcome::Rejected(rejection.to_string()),
        };
        cell.show(order.id, now, &outcome);
    }
    decision
}

/// The table of this service.
pub(crate) const TABLE: Table = Table::Order;
