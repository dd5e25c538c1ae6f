//! Orders of a customer who has become another one.

use std::time::Duration;

use lmall_domain::{CustomerId, OrderId};

use super::{Orders, TABLE};
use crate::{
    Changeset,
    consumer::Incoming,
    failure::{Failure, Round, committed, rounds},
    row,
};

/// Orders brought over before the next ones are looked for.
const PAGE: usize = 100;

/// How long after the merger orders may still turn up: the index lags, and a request that was let
/// in before the sessions ended is being carried out.
const SETTLED_AFTER: Duration = Duration::from_secs(4);

impl Orders {
    /// Brings every order of the customer over to the one that they are now. Repeated, it finds
    /// those that came since; once no more can come, the message is noted.
    pub(super) async fn adopt(
        &self,
        incoming: &Incoming,
        into: &CustomerId,
    ) -> Result<(), Failure> {
        let from = incoming.customer()?;
        loop {
            // Always the first page: those that were brought over have left it.
            let (orders, next) = self.of_customer(from, None, PAGE).await?;
            let theirs = orders.iter().filter(|order| order.value.customer_id == *from);
            let mut moved = 0;
            for order in theirs {
                moved += usize::from(self.hand_over(order.value.id, from, into).await?);
            }
            // None moved, and yet listed: the index has not caught up.
            if next.is_none() || moved == 0 {
                break;
            }
        }
        if self.clock.now().since(incoming.envelope.occurred_at) < SETTLED_AFTER {
            return Err(Failure::NotYet("orders of a merged account may still turn up"));
        }
        incoming.note_handled(&*self.store, &*self.clock, TABLE).await
    }

    /// Gives one order its new owner, in the index, too. Whether it had to be done.
    async fn hand_over(
        &self,
        id: OrderId,
        from: &CustomerId,
        into: &CustomerId,
    ) -> Result<bool, Failure> {
        rounds(&*self.clock, id.get(), async || {
            let Some(mut order) = self.load(id).await?.filter(|row| row.value.customer_id == *from)
            else {
                return Ok(Round::Done(false));
            };
            order.value.customer_id = into.clone();
            let changes = Changeset::new().put(row::order(&order.value), order.version);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(true),
                Err(_) => Round::Again,
            })
        })
        .await
    }
}
