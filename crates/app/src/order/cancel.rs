//! Canceling orders: for their customers, and for the clock.

use lmall_domain::{
    OrderId,
    event::CancelReason,
    order::{Command, Decision, Order, Rejection, Status},
};

use super::{Orders, TABLE, decide};
use crate::{
    Changeset, Trace,
    failure::{Failure, Round, committed, rounds},
    pages::Pages,
    ports::Index,
    row::{self, Versioned},
};

/// What came of a wish to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is canceling or canceled, now or since before.
    Canceling(Versioned<Order>),
    /// The rule says no.
    Refused(Rejection),
    /// There is no such order.
    Unknown,
}

impl Orders {
    /// Cancels an order that is not paid.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn cancel(
        &self,
        id: OrderId,
        reason: CancelReason,
        trace: &Trace,
    ) -> Result<CancelOutcome, Failure> {
        rounds(&*self.clock, id.get(), async || {
            let now = self.clock.now();
            let Some(before) = self.load(id).await? else {
                return Ok(Round::Done(CancelOutcome::Unknown));
            };
            let (order, event) = match decide(&before.value, Command::Cancel(reason), now) {
                Ok(Decision::Change(order, event)) => (order, event),
                Ok(Decision::Nothing) => return Ok(Round::Done(CancelOutcome::Canceling(before))),
                Err(rejection) => return Ok(Round::Done(CancelOutcome::Refused(rejection))),
            };
            let changes = Changeset::new();
            let changes = Self::write(changes, Some(&before), &order, event, now, trace.clone());
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => {
                    let version = before.version + 1;
                    self.unremind(&order).await;
                    Round::Done(CancelOutcome::Canceling(Versioned { value: order, version }))
                }
                Err(_) => Round::Again,
            })
        })
        .await
    }

    /// The cancel scheduler: cancels every order that was not paid by its `pay_by`. Gives how
    /// many. Looks at the whole index each time, so a run that is doubled or missed is harmless.
    ///
    /// # Errors
    /// When the store does not answer; the next run goes on.
    pub async fn cancel_overdue(&self) -> Result<usize, Failure> {
        let mut canceled = 0;
        let due = Some(self.clock.now());
        let mut pages = Pages::new(&*self.store, TABLE, Index::Open, due);
        while let Some(items) = pages.next().await? {
            for order in items.iter().filter_map(row::decode_or_skip::<Order>) {
                if order.status == Status::Pending {
                    let (reason, trace) = (CancelReason::PaymentTimeout, Trace::default());
                    let outcome = self.cancel(order.id, reason, &trace).await?;
                    canceled += usize::from(matches!(outcome, CancelOutcome::Canceling(_)));
                }
            }
        }
        Ok(canceled)
    }
}
