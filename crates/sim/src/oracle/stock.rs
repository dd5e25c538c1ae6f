//! I1 and the stock half of I4: after every transaction, the ledger is what the reservations say.

use std::collections::BTreeMap;

use lmall_app::ports::Key;
use lmall_domain::{
    OrderId, Sku,
    id::Reference,
    stock::{Bucket, Reservation, State},
};

use super::{Broken, after, before, broken, read};
use crate::aws::dynamo::{Applied, Change, Dynamo};

/// What reservations hold and have sold, of one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Taken {
    reserved: i64,
    sold: i64,
}

/// What is known of stock.
#[derive(Default)]
pub(super) struct Stock {
    /// Every reservation, as it is now.
    pub(super) known: BTreeMap<OrderId, Reservation>,
    taken: BTreeMap<(Sku, u8), Taken>,
    /// Receipts that operators were told of.
    pub(super) receipts: BTreeMap<(Sku, Reference), i64>,
    /// Receipts that may have been recorded, or not.
    pub(super) perhaps: BTreeMap<(Sku, Reference), i64>,
}

impl Stock {
    pub(super) fn received(&mut self, sku: &Sku, reference: &Reference, units: i64) {
        self.receipts.insert((sku.clone(), reference.clone()), units);
    }

    pub(super) fn perhaps_received(&mut self, sku: &Sku, reference: &Reference, units: i64) {
        self.perhaps.insert((sku.clone(), reference.clone()), units);
    }

    /// Every SKU that operators have received.
    pub(super) fn skus(&self) -> impl Iterator<Item = &Sku> {
        let mut skus: Vec<_> = self.receipts.keys().map(|(sku, _)| sku).collect();
        skus.dedup();
        skus.into_iter()
    }

    pub(super) fn reservation_changed(&mut self, change: &Change) -> Result<(), Broken> {
        let then = before::<Reservation>(change)?;
        let Some(now) = after::<Reservation>(change)? else {
            let text = format!("the reservation of {} was deleted", change.key.partition);
            return broken("I4", text);
        };
        if then.as_ref().is_some_and(|then| then.state == State::Sold && *then != now) {
            return broken("I4", format!("the sold reservation of {} changed", now.order_id));
        }
        if matches!(now.state, State::Reserved | State::Sold) {
            let whole = |line: &lmall_domain::stock::Line| {
                let units: u32 = line.allocations.iter().map(|part| part.quantity).sum();
                units == line.quantity
            };
            if now.lines.is_empty() || !now.lines.iter().all(whole) {
                return broken("I4", format!("order {} holds less than its lines", now.order_id));
            }
        }
        if let Some(then) = &then {
            self.count(then, -1);
        }
        self.count(&now, 1);
        self.known.insert(now.order_id, now);
        Ok(())
    }

    fn count(&mut self, reservation: &Reservation, sign: i64) {
        for line in &reservation.lines {
            for part in &line.allocations {
                let taken = self.taken.entry((line.sku.clone(), part.bucket)).or_default();
                let units = sign * i64::from(part.quantity);
                match reservation.state {
                    State::Reserved => taken.reserved += units,
                    State::Sold => taken.sold += units,
                    State::Trying | State::Rejected | State::Released => {}
                }
            }
        }
    }

    pub(super) fn bucket_changed(&mut self, change: &Change) -> Result<(), Broken> {
        let name = &change.key.partition;
        let Some(Bucket { available, reserved, sold, received }) = after(change)? else {
            return broken("I1", format!("a bucket of {name} was deleted"));
        };
        if available < 0 || reserved < 0 || sold < 0 || received < 0 {
            return broken("I1", format!("a bucket of {name} is below zero"));
        }
        if available + reserved + sold != received {
            return broken("I1", format!("a bucket of {name} does not add up"));
        }
        Ok(())
    }

    /// Every bucket that the transaction could have touched has what the reservations say.
    pub(super) fn adds_up(&self, applied: &Applied, model: &Dynamo) -> Result<(), Broken> {
        for change in &applied.changes {
            let key = &change.key;
            if let Some((sku, number)) = bucket(key) {
                self.is_taken(&sku, number, model)?;
            } else if key.sort == "reservation" {
                for item in change.before.iter().chain(&change.after) {
                    for line in read::<Reservation>(item)?.lines {
                        for part in &line.allocations {
                            self.is_taken(&line.sku, part.bucket, model)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn is_taken(&self, sku: &Sku, number: u8, model: &Dynamo) -> Result<(), Broken> {
        let taken = self.taken.get(&(sku.clone(), number)).copied().unwrap_or_default();
        let row = model.row(&lmall_app::row::bucket_key(sku, number));
        let Some(Bucket { reserved, sold, .. }) = row.map(|row| read(&row.item())).transpose()?
        else {
            return broken("I4", format!("{sku} is reserved from bucket {number}, which is not"));
        };
        if (Taken { reserved, sold }) != taken {
            let text =
                format!("{sku}: ledger {reserved} reserved {sold} sold, reservations {taken:?}");
            return broken("I4", text);
        }
        Ok(())
    }
}

fn bucket(key: &Key) -> Option<(Sku, u8)> {
    let number = key.sort.strip_prefix(lmall_app::row::BUCKET_PREFIX)?.parse().ok()?;
    Some((key.partition.strip_prefix("sku#")?.parse().ok()?, number))
}
