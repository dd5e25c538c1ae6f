//! I2, and what an order may become.

use std::collections::{BTreeMap, BTreeSet};

use lmall_domain::{
    CustomerId, Money, OrderId, Sku, Timestamp,
    event::CancelReason,
    order::{LineRequest, Order, Status},
};

use super::{Broken, after, before, broken};
use crate::{aws::dynamo::Change, kernel::SKEW_MAX, provider::SharedProvider};

/// What is known of orders.
#[derive(Default)]
pub(super) struct Orders {
    /// Every order that a transaction made, as it is now.
    pub(super) known: BTreeMap<OrderId, Order>,
    /// What was asked for, of those that were answered.
    answered: BTreeMap<OrderId, Vec<LineRequest>>,
    /// Every price that a product has had.
    prices: BTreeMap<Sku, BTreeSet<i64>>,
}

impl Orders {
    pub(super) fn priced(&mut self, sku: &Sku, price: Money) {
        self.prices.entry(sku.clone()).or_default().insert(price.amount);
    }

    pub(super) fn is_sold(&self, sku: &Sku) -> bool {
        self.prices.contains_key(sku)
    }

    pub(super) fn was_asked_for(&self, id: OrderId, lines: &[LineRequest]) -> bool {
        self.answered.get(&id).is_some_and(|asked| asked == lines)
    }

    pub(super) fn answered(
        &mut self,
        order: &Order,
        customer_id: &CustomerId,
        lines: &[LineRequest],
    ) -> Result<(), Broken> {
        let id = order.id;
        if !self.known.contains_key(&id) {
            return broken("I2", format!("order {id} was answered, and does not exist"));
        }
        if order.customer_id != *customer_id {
            return broken("I2", format!("order {id} is somebody else's"));
        }
        if quantities(lines) != ordered(order) {
            return broken("I2", format!("order {id} is not what was asked for"));
        }
        let first = self.answered.entry(id).or_insert_with(|| lines.to_vec());
        if quantities(first) != quantities(lines) {
            return broken("I2", format!("order {id} was answered to two different wishes"));
        }
        Ok(())
    }

    pub(super) fn changed(
        &mut self,
        change: &Change,
        provider: &SharedProvider,
        at: Timestamp,
    ) -> Result<(), Broken> {
        let Some(now) = after::<Order>(change)? else {
            return broken("I2", format!("order {} was deleted", change.key.partition));
        };
        match before::<Order>(change)? {
            None => self.is_right_when_new(&now)?,
            Some(then) => may_become(&then, &now)?,
        }
        is_paid_for(&now, provider)?;
        let is_timed_out = now.cancel_reason == Some(CancelReason::PaymentTimeout);
        if is_timed_out && at.after(SKEW_MAX) < now.pay_by {
            return broken("I2", format!("order {} is canceled before its pay_by", now.id));
        }
        self.known.insert(now.id, now);
        Ok(())
    }

    fn is_right_when_new(&self, order: &Order) -> Result<(), Broken> {
        let id = order.id;
        let skus: BTreeSet<_> = order.lines.iter().map(|line| &line.sku).collect();
        if skus.len() != order.lines.len() {
            return broken("I1", format!("order {id} has two lines of one SKU"));
        }
        for line in &order.lines {
            let known = self.prices.get(&line.sku);
            if !known.is_some_and(|prices| prices.contains(&line.unit_price.amount)) {
                return broken("I3", format!("order {id}: {} never had that price", line.sku));
            }
        }
        let total: i64 =
            order.lines.iter().map(|l| l.unit_price.amount * i64::from(l.quantity)).sum();
        if total != order.total.amount {
            return broken("I3", format!("order {id} does not add up to its total"));
        }
        if order.status != Status::Pending || self.known.contains_key(&id) {
            return broken("I2", format!("order {id} did not begin as a new one"));
        }
        Ok(())
    }
}

fn quantities(lines: &[LineRequest]) -> BTreeMap<Sku, u32> {
    let mut sums = BTreeMap::new();
    for line in lines {
        *sums.entry(line.sku.clone()).or_default() += line.quantity;
    }
    sums
}

fn ordered(order: &Order) -> BTreeMap<Sku, u32> {
    order.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect()
}

fn may_become(then: &Order, now: &Order) -> Result<(), Broken> {
    use Status::{Canceled, Canceling, Confirmed, Paid, Pending};
    let id = now.id;
    let same = then.lines == now.lines
        && then.total == now.total
        && then.customer_id == now.customer_id
        && then.pay_by == now.pay_by;
    if !same {
        return broken("I2", format!("order {id} was changed after it was placed"));
    }
    let may = match then.status {
        Pending => true,
        Paid => matches!(now.status, Paid | Confirmed | Canceled),
        Confirmed => matches!(now.status, Confirmed | Canceled),
        Canceling => matches!(now.status, Canceling | Canceled),
        Canceled => now.status == Canceled,
    };
    if !may {
        let (from, to) = (then.status.name(), now.status.name());
        return broken("I2", format!("order {id} went from {from} to {to}"));
    }
    Ok(())
}

/// What the order believes of money, against the provider's books.
fn is_paid_for(order: &Order, provider: &SharedProvider) -> Result<(), Broken> {
    let id = order.id;
    let real = provider.captured(id, order.total.currency);
    if order.captured > real {
        let text = format!("order {id} noted {} captured, of {real} in truth", order.captured);
        return broken("I3", text);
    }
    if order.refund_requested > order.captured {
        return broken("I3", format!("order {id} asks for more than was captured"));
    }
    let is_sold = matches!(order.status, Status::Paid | Status::Confirmed);
    if is_sold && real < order.total.amount {
        return broken("I3", format!("order {id} is {}, and not paid", order.status.name()));
    }
    Ok(())
}
