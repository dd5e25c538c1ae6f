//! Reservations that lapse.

use lmall_domain::{
    OrderId, Timestamp,
    stock::{Command, Decision, Reservation},
};

use super::{Inventory, TABLE, decide};
use crate::{
    Changeset, Trace,
    failure::{Failure, Round, committed, rounds},
    pages::Pages,
    ports::Index,
    row,
};

impl Inventory {
    /// Frees every reservation that has lapsed. Gives how many. The ledger says which those
    /// are, never the gate.
    ///
    /// # Errors
    /// When the store does not answer; the next run goes on.
    pub async fn expire_lapsed(&self) -> Result<usize, Failure> {
        let mut freed = 0;
        for reservation in self.lapsing_reservations(self.clock.now()).await? {
            freed += usize::from(self.expire(reservation.order_id).await?);
        }
        Ok(freed)
    }

    async fn expire(&self, order_id: OrderId) -> Result<bool, Failure> {
        let released = rounds(&*self.clock, order_id.get(), async || {
            let now = self.clock.now();
            let Some(before) = self.reservation(order_id).await? else {
                return Ok(Round::Done(None));
            };
            let decision = decide(order_id, Some(&before.value), Command::Expire, now);
            let Ok(Decision::Change(next, moves, event)) = decision else {
                return Ok(Round::Done(None));
            };
            let (changes, trace) = (Changeset::new(), Trace::default());
            let changes = Self::write(changes, before.version, &next, moves, event, now, trace);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Some(next)),
                Err(_) => Round::Again,
            })
        })
        .await?;
        if let Some(reservation) = &released {
            self.give_back(order_id, &reservation.lines).await;
        }
        Ok(released.is_some())
    }

    /// The reservations that hold or may hold stock and lapse until then.
    async fn lapsing_reservations(&self, until: Timestamp) -> Result<Vec<Reservation>, Failure> {
        let mut open = Vec::new();
        let mut pages = Pages::new(&*self.store, TABLE, Index::Expiry, Some(until));
        while let Some(items) = pages.next().await? {
            open.extend(items.iter().filter_map(row::decode_or_skip::<Reservation>));
        }
        Ok(open)
    }
}
