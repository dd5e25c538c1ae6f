//! What must hold once nothing is under way.

use std::{collections::BTreeMap, sync::Arc};

use lmall_app::{
    ops::audit::Auditor,
    order::Tally,
    ports::{Index, Table},
    row::{BUCKET_PREFIX, TALLY_SHARDS, ledger_partition, receipt_key, tally_key},
    stock::Receipt,
};
use lmall_domain::{
    Sku,
    id::Reference,
    order::{Order, Status},
    stock::{Bucket, State},
};

use super::{Books, Broken, Oracle, broken, read};
use crate::{
    aws::dynamo::{Dynamo, RowView},
    kernel::Kernel,
    ports::{BusPort, StorePort},
    system::System,
};

impl Oracle {
    /// Checks by the shop's own audit what [`Oracle::is_at_rest`] has found right.
    ///
    /// # Errors
    /// What the audit has found.
    pub async fn audit(&self, system: &Arc<System>) -> Result<(), Broken> {
        audited(system).await
    }

    /// Whether nothing is under way, and all is right: I1 to I8, as far as they can be seen when
    /// nothing moves.
    ///
    /// # Errors
    /// The first thing that is under way, or wrong.
    pub fn is_at_rest(&self, system: &System) -> Result<(), Broken> {
        // First: the bus tells what has happened meanwhile, and that needs the books.
        nothing_is_under_way(system)?;
        let books = self.books.lock();
        for order in books.orders.known.values() {
            self.money_is_right(order)?;
            stock_is_right(order, &books)?;
        }
        self.no_money_for_nothing(&books)?;
        ledger_is_right(system, &books)?;
        gate_is_right(system, &books)?;
        tally_is_right(system, &books)?;
        orders_were_asked_for(&books)?;
        indexes_are_empty(system)
    }

    /// I3, by the provider's books.
    fn money_is_right(&self, order: &Order) -> Result<(), Broken> {
        let id = order.id;
        for sums in self.provider.totals(id) {
            let kept = match order.status {
                Status::Confirmed if sums.currency == order.total.currency => order.total.amount,
                Status::Confirmed | Status::Canceled => 0,
                Status::Pending | Status::Paid | Status::Canceling => {
                    return broken("I2", format!("order {id} is left {}", order.status.name()));
                }
            };
            let due = sums.captured - kept;
            // What the provider gave back on its own, the shop need not give back again.
            let asked_for = sums.refunded - sums.on_its_own;
            if sums.refunded < due || asked_for > due || sums.refunded > sums.captured {
                let status = order.status.name();
                return broken("I3", format!("order {id} is {status}, to keep {kept}: {sums:?}"));
            }
        }
        Ok(())
    }

    fn no_money_for_nothing(&self, books: &Books) -> Result<(), Broken> {
        for id in self.provider.orders().into_keys() {
            if !books.orders.known.contains_key(&id) {
                return broken("I3", format!("money was captured for order {id}, which is not"));
            }
        }
        Ok(())
    }
}

fn nothing_is_under_way(system: &System) -> Result<(), Broken> {
    for depth in system.bus.depths() {
        if depth.visible + depth.in_flight > 0 {
            return broken("I5", format!("{} is not empty: {depth:?}", depth.queue.name()));
        }
    }
    for letter in system.bus.letters() {
        // What nobody can read waits for a person, with its cause.
        if !letter.permanent || letter.parked_at.is_none() || letter.cause.is_empty() {
            let (event, group) = (&letter.message.event_type, &letter.message.group);
            return broken("I7", format!("{event} of order {group} is dead: {}", letter.cause));
        }
    }
    if system.provider.open_webhooks() > 0 {
        return broken("I5", "the provider's webhooks are not taken");
    }
    Ok(())
}

/// I4.
fn stock_is_right(order: &Order, books: &Books) -> Result<(), Broken> {
    let id = order.id;
    let reservation = books.stock.known.get(&id);
    let state = reservation.map(|reservation| reservation.state);
    let is_right = match order.status {
        Status::Confirmed => reservation.is_some_and(|reservation| {
            let sold = reservation.lines.iter().map(|line| (&line.sku, line.quantity));
            let ordered = order.lines.iter().map(|line| (&line.sku, line.quantity));
            reservation.state == State::Sold && sold.eq(ordered)
        }),
        Status::Canceled => matches!(state, None | Some(State::Rejected | State::Released)),
        Status::Pending | Status::Paid | Status::Canceling => {
            return broken("I2", format!("order {id} is left {}", order.status.name()));
        }
    };
    if is_right {
        return Ok(());
    }
    broken("I4", format!("order {id} is {}, its reservation {state:?}", order.status.name()))
}

/// I1: what came in is what operators say that came in, what is gone is what was sold.
fn ledger_is_right(system: &System, books: &Books) -> Result<(), Broken> {
    let mut sold: BTreeMap<&Sku, i64> = BTreeMap::new();
    for order in books.orders.known.values().filter(|order| order.status == Status::Confirmed) {
        for line in &order.lines {
            *sold.entry(&line.sku).or_default() += i64::from(line.quantity);
        }
    }
    let mut received: BTreeMap<&Sku, i64> = BTreeMap::new();
    for ((sku, _), units) in &books.stock.receipts {
        *received.entry(sku).or_default() += units;
    }
    for ((sku, reference), units) in &books.stock.perhaps {
        if is_recorded(system, sku, reference)? {
            *received.entry(sku).or_default() += units;
        }
    }
    for (sku, received) in received {
        let sum = ledger(system, sku)?;
        let sold = sold.get(sku).copied().unwrap_or_default();
        let right = Bucket { available: received - sold, reserved: 0, sold, received };
        if sum != right {
            return broken("I1", format!("{sku}: the ledger has {sum:?}, right is {right:?}"));
        }
    }
    Ok(())
}

fn is_recorded(system: &System, sku: &Sku, reference: &Reference) -> Result<bool, Broken> {
    let row = |model: &Dynamo| model.row(&receipt_key(sku, reference)).map(RowView::item);
    let receipt: Option<Receipt> = system.store.inspect(row).as_ref().map(read).transpose()?;
    Ok(receipt.is_some_and(|receipt| !receipt.refused))
}

fn ledger(system: &System, sku: &Sku) -> Result<Bucket, Broken> {
    system.store.inspect(|model| {
        let mut sum = Bucket::default();
        for row in model.partition(Table::Inventory, &ledger_partition(sku)) {
            if row.sort.starts_with(BUCKET_PREFIX) {
                let bucket: Bucket = read(&row.item())?;
                sum.available += bucket.available;
                sum.reserved += bucket.reserved;
                sum.sold += bucket.sold;
                sum.received += bucket.received;
            }
        }
        Ok(sum)
    })
}

/// The gate has been set right: it turns nobody away for units that are there.
fn gate_is_right(system: &System, books: &Books) -> Result<(), Broken> {
    for sku in books.stock.skus() {
        let available = ledger(system, sku)?.available;
        match system.redis.snapshot(sku) {
            Some(gate) if gate.available != available || !gate.holds.is_empty() => {
                let (has, holds) = (gate.available, gate.holds.len());
                let text = format!("{sku}: the gate has {has} and {holds} holds, not {available}");
                return broken("gate", text);
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn tally_is_right(system: &System, books: &Books) -> Result<(), Broken> {
    let mut sum = Tally::default();
    for shard in 0..TALLY_SHARDS {
        let row = |model: &Dynamo| model.row(&tally_key(shard)).map(RowView::item);
        if let Some(item) = system.store.inspect(row) {
            let tally: Tally = read(&item)?;
            sum.confirmed += tally.confirmed;
            sum.canceled += tally.canceled;
        }
    }
    let count = |status| {
        let orders = books.orders.known.values().filter(|order| order.status == status);
        i64::try_from(orders.count()).unwrap_or(i64::MAX)
    };
    let right = Tally { confirmed: count(Status::Confirmed), canceled: count(Status::Canceled) };
    if sum != right {
        return broken("tally", format!("counted {sum:?} ended orders, right is {right:?}"));
    }
    Ok(())
}

/// I2: no customer has more orders than wishes.
fn orders_were_asked_for(books: &Books) -> Result<(), Broken> {
    let mut placed: BTreeMap<_, u64> = BTreeMap::new();
    for order in books.orders.known.values() {
        *placed.entry(&order.customer_id).or_default() += 1;
    }
    for (customer, placed) in placed {
        let (keyless, keys) = books.asked.get(customer).cloned().unwrap_or_default();
        let wishes = keyless + u64::try_from(keys.len()).unwrap_or(0);
        if placed > wishes {
            return broken("I2", format!("{customer} has {placed} orders for {wishes} wishes"));
        }
    }
    Ok(())
}

/// Nothing is left that a schedule would have to look at.
fn indexes_are_empty(system: &System) -> Result<(), Broken> {
    system.store.inspect(|model| {
        for row in Table::ALL.into_iter().flat_map(|table| model.rows(table)) {
            let left = row.indexes.iter().find(|entry| entry.index != Index::ByCustomer);
            if let Some(entry) = left {
                let text = format!("{} {} is left in {:?}", row.partition, row.sort, entry.index);
                return broken("I2", text);
            }
        }
        Ok(())
    })
}

/// What the shop's own audit says.
async fn audited(system: &Arc<System>) -> Result<(), Broken> {
    let kernel: &Kernel = &system.kernel;
    let site = kernel.world();
    let store = Arc::new(StorePort::new(site.clone(), Arc::clone(&system.store)));
    let auditor = Auditor {
        store: store.clone(),
        scan: store,
        letters: Arc::new(BusPort { site: site.clone(), aws: Arc::clone(&system.bus) }),
        clock: Arc::new(site.clock()),
    };
    match auditor.run().await {
        Ok(report) if report.ok && report.at_rest => Ok(()),
        Ok(report) if report.ok => broken("audit", "the audit does not find the system at rest"),
        Ok(report) => {
            let violations: Vec<_> =
                report.checks.into_iter().flat_map(|check| check.violations).collect();
            broken("audit", violations.join("; "))
        }
        Err(failure) => broken("audit", format!("the audit failed: {failure}")),
    }
}
