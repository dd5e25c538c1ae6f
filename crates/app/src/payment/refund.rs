//! Giving money back: decided and durable first, then asked of the provider, as often as needed.

use std::time::Duration;

use lmall_domain::{
    OrderId, RefundId,
    event::RefundDue,
    payment::{Command, Decision, Payment, Progress, Refund},
};

use super::{Payments, TABLE, decide};
use crate::{
    Changeset, Trace,
    failure::{Failure, Round, committed, rounds},
    ports::{GatewayError, Index, IndexQuery, RefundAnswer, RefundRequest},
    row,
};

/// A refund that its provider has not finished after this long is asked for again: with the same
/// id, so it is given back once.
const CHASE_AGE: Duration = Duration::from_secs(60);

/// Payments looked at in one query.
const PAGE: usize = 100;

impl Payments {
    /// Gives back what an order asks for. Repeating it asks the provider again for what is not
    /// done, with the same ids.
    pub(super) async fn refund(
        &self,
        order_id: OrderId,
        due: &RefundDue,
        trace: &Trace,
    ) -> Result<(), Failure> {
        self.decide_refund(order_id, Command::RequestRefund(due.clone()), trace).await?;
        let mut part = 0;
        // A part that is refused may be replaced by another, which comes after all others.
        while let Some(refund) = self.part(order_id, due, part).await? {
            self.ask(order_id, &refund, trace).await?;
            part += 1;
        }
        Ok(())
    }

    /// The part of this index of what an order asked back.
    async fn part(
        &self,
        order_id: OrderId,
        due: &RefundDue,
        index: usize,
    ) -> Result<Option<Refund>, Failure> {
        let Some(payment) = self.load(order_id).await? else {
            return Err(Failure::NotYet("the payment to refund is not known yet"));
        };
        let of_this = |refund: &Refund| refund.requested_as == due.refund_id;
        Ok(payment.value.refunds.into_iter().filter(of_this).nth(index))
    }

    /// Asks the provider for one part, unless it is done, and writes down what it says.
    async fn ask(&self, order_id: OrderId, refund: &Refund, trace: &Trace) -> Result<(), Failure> {
        if !refund.progress.is_open() {
            return Ok(());
        }
        let request = RefundRequest {
            id: refund.id.clone(),
            order_id,
            provider: refund.provider.clone(),
            payment_id: refund.payment_id.clone(),
            amount: refund.amount,
        };
        let id = refund.id.clone();
        let (command, refused) = match self.gateway.refund(&request).await {
            Ok(RefundAnswer::Accepted) => (Command::Accept(id), None),
            Ok(RefundAnswer::Done) => (Command::Answer(id), None),
            Err(error @ GatewayError::Permanent(_)) => (Command::Refuse(id), Some(error)),
            Err(error @ GatewayError::Transient(_)) => {
                return Err(Failure::Unavailable(Box::new(error)));
            }
        };
        self.decide_refund(order_id, command, trace).await?;
        match refused {
            // To the dead-letter queue: a person has to give this money back.
            Some(error) if self.is_refused(order_id, &request.id).await? => {
                Err(Failure::Never(format!("refund {}: {error}", request.id)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the refusal stands: what explains it makes the payment ask for something else.
    async fn is_refused(&self, order_id: OrderId, id: &RefundId) -> Result<bool, Failure> {
        let refused = |refund: &Refund| refund.id == *id && refund.progress == Progress::Refused;
        let payment = self.load(order_id).await?;
        Ok(payment.is_some_and(|payment| payment.value.refunds.iter().any(refused)))
    }

    async fn decide_refund(
        &self,
        order_id: OrderId,
        command: Command,
        trace: &Trace,
    ) -> Result<(), Failure> {
        rounds(&*self.clock, order_id.get(), async || {
            let now = self.clock.now();
            let before = self.load(order_id).await?;
            let current = before.as_ref().map(|before| &before.value);
            let decision = decide(order_id, current, command.clone(), now)
                .map_err(|rejection| Failure::Never(rejection.to_string()))?;
            let Decision::Change(payment, event) = decision else {
                return Ok(Round::Done(()));
            };
            let changes = Changeset::new();
            let changes =
                Self::write(changes, before.as_ref(), &payment, event, now, trace.clone());
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await
    }

    /// Asks again for every refund that its provider took long ago and has not finished: its
    /// webhook, or the provider's memory of the request, may be lost. Gives how many.
    ///
    /// # Errors
    /// When the store does not answer; the next run goes on.
    pub async fn chase_refunds(&self) -> Result<usize, Failure> {
        let until = row::due_until(self.clock.now().before(CHASE_AGE));
        let mut asked = 0;
        for partition in row::shards() {
            let query = IndexQuery {
                table: TABLE,
                index: Index::RefundOpen,
                partition,
                after: None,
                until: Some(until.clone()),
                limit: PAGE,
                descending: false,
            };
            // An attempt moves the row to the end of the index, so one page a run is fair.
            let items = self.store.query_index(&query).await?.items;
            for payment in items.iter().filter_map(row::decode_or_skip::<Payment>) {
                for refund in payment.refunds.iter().filter(|refund| refund.progress.is_open()) {
                    let (id, trace) = (payment.order_id, Trace::default());
                    let attempt = Command::Attempt(refund.id.clone());
                    self.decide_refund(id, attempt, &trace).await?;
                    if let Err(failure) = self.ask(id, refund, &trace).await {
                        let error = crate::failure::chain(&failure);
                        tracing::warn!(refund.id = refund.id.as_str(), error, "refund not taken");
                    }
                    asked += 1;
                }
            }
        }
        Ok(asked)
    }
}
