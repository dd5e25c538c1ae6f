//! The prompt way to cancel what was not paid: reminders, which may be lost, doubled or early.
//! The certain way is [`Orders::cancel_overdue`].

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use lmall_domain::{
    OrderId,
    event::CancelReason,
    order::{Order, Rejection, Status},
};

use super::{CancelOutcome, Orders};
use crate::{
    Trace,
    failure::{Failure, chain},
    ports::DeadlineError,
};

/// The longest that an answer waits for its reminder to be set or forgotten.
const REMINDER_WITHIN: Duration = Duration::from_millis(50);

impl Orders {
    /// Asks to be reminded of an order that has just been placed. Best effort.
    pub(super) async fn remind(&self, order: &Order) {
        if let Some(deadlines) = &self.deadlines {
            self.briefly(deadlines.set(order.id, order.pay_by)).await;
        }
    }

    /// Forgets the reminder of an order that does not wait for its payment any more. Best effort.
    pub(super) async fn unremind(&self, order: &Order) {
        if let Some(deadlines) = self.deadlines.as_ref().filter(|_| !waits(order)) {
            self.briefly(deadlines.forget(order.id)).await;
        }
    }

    async fn briefly(&self, call: impl Future<Output = Result<(), DeadlineError>>) {
        match select(pin!(call), self.clock.sleep(REMINDER_WITHIN)).await {
            Either::Left((Ok(()), _)) => {}
            Either::Left((Err(error), _)) => {
                let error = chain(&error);
                tracing::warn!(error, "a payment reminder failed");
            }
            Either::Right(_) => tracing::warn!("a payment reminder takes too long"),
        }
    }

    /// Cancels up to `limit` orders whose reminder is due and that are still not paid, and
    /// forgets the reminders that are of no more use. Gives how many were canceled; none without
    /// reminders. One that cannot be canceled now is logged, and looked at again.
    ///
    /// # Errors
    /// When the reminders cannot be read.
    pub async fn cancel_reminded(&self, limit: usize) -> Result<usize, Failure> {
        let Some(deadlines) = &self.deadlines else { return Ok(0) };
        let mut overdue = 0;
        for id in deadlines.due(self.clock.now(), limit).await? {
            match self.answer(id).await {
                Ok(Answer::Early) => {}
                Ok(Answer::Canceled) => {
                    overdue += 1;
                    self.briefly(deadlines.forget(id)).await;
                }
                Ok(Answer::OfNoUse) => self.briefly(deadlines.forget(id)).await,
                Err(failure) => {
                    let error = chain(&failure);
                    tracing::warn!(order.id = %id, error, "an order cannot be canceled now");
                }
            }
        }
        Ok(overdue)
    }

    async fn answer(&self, id: OrderId) -> Result<Answer, Failure> {
        match self.load(id).await? {
            Some(order) if waits(&order.value) => {}
            Some(_) | None => return Ok(Answer::OfNoUse),
        }
        let (reason, trace) = (CancelReason::PaymentTimeout, Trace::default());
        Ok(match self.cancel(id, reason, &trace).await? {
            CancelOutcome::Canceling(_) => Answer::Canceled,
            CancelOutcome::Refused(Rejection::NotDue) => Answer::Early,
            CancelOutcome::Refused(Rejection::NotCancelable(_)) | CancelOutcome::Unknown => {
                Answer::OfNoUse
            }
        })
    }
}

/// What came of a reminder.
enum Answer {
    Canceled,
    /// To be looked at again.
    Early,
    OfNoUse,
}

/// Only an order that waits for its payment can miss it.
fn waits(order: &Order) -> bool {
    order.status == Status::Pending
}
