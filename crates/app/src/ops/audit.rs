//! The audit: the invariants of the system, checked on its live data.
//!
//! | | |
//! |---|---|
//! | I1 | for every SKU, `available + reserved + sold = received`, and none is negative |
//! | I2 | every order exists, and ends |
//! | I3 | money captured for nothing is refunded, once |
//! | I4 | a CONFIRMED order has exactly its lines in `sold`, a CANCELED one holds nothing |
//! | I5 | every event takes effect once with each consumer |
//! | I6 | the events that a service writes of an order are numbered without a gap |
//! | I7 | a message that cannot be processed is a dead letter, with its cause |
//! | I8 | every provider event that moved money was verified and stored |

mod case;
mod check;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use lmall_domain::{
    OrderId, Sku,
    payment::Kind,
    stock::{Bucket, State},
};
use serde::Serialize;

use self::{
    case::{Case, Cases},
    check::check_case,
};
use crate::{
    failure::Failure,
    pages::Pages,
    ports::{Clock, DeadLetterFilter, DeadLetters, Index, Item, Scan, Store, Table},
    row,
};

/// Violations that are spelled out for each invariant; the others are counted.
const SHOWN_MAX: usize = 20;

/// How often, and with what pause, an order that looks wrong is read again: on a live system it
/// may have been between two steps.
const LOOKS: u32 = 4;
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// The invariants, with what people call them.
const INVARIANTS: [(&str, &str); 8] = [
    ("I1", "stock adds up and never goes below zero"),
    ("I2", "every order exists and ends"),
    ("I3", "money captured for nothing is refunded, once"),
    ("I4", "confirmed orders have their stock, canceled ones hold none"),
    ("I5", "every event takes effect once with each consumer"),
    ("I6", "events of an order keep their order"),
    ("I7", "messages that fail end as dead letters with a cause"),
    ("I8", "only verified provider events moved money"),
];

/// What the audit found of one invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `I1` to `I8`.
    pub invariant: &'static str,
    /// What it says.
    pub title: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// SKUs, orders, messages or movements looked at.
    pub checked: u64,
    /// How it is violated; the first few in full.
    pub violations: Vec<String>,
}

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every invariant holds.
    pub ok: bool,
    /// Whether nothing was under way: only then what must hold at rest was checked, too.
    pub at_rest: bool,
    /// By invariant.
    pub checks: Vec<Check>,
    /// What breaks no promise, and yet somebody should look at; the first few.
    pub notes: Vec<String>,
}

/// A broken promise, before it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    invariant: usize,
    text: String,
}

/// Checks the invariants.
#[derive(Clone)]
pub struct Auditor {
    /// The rows, one by one.
    pub store: Arc<dyn Store>,
    /// The rows, all of them.
    pub scan: Arc<dyn Scan>,
    /// The messages.
    pub letters: Arc<dyn DeadLetters>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// What the reservations say that each bucket holds and has sold.
type Ledger = BTreeMap<(Sku, u8), (i64, i64)>;

impl Auditor {
    /// Reads everything and checks every invariant. It is no snapshot, so what looks wrong is
    /// looked at twice: a violation that stays is one.
    ///
    /// # Errors
    /// When the store or the bus does not answer, or a row is corrupt.
    pub async fn run(&self) -> Result<Report, Failure> {
        let report = self.pass().await?;
        if report.ok { Ok(report) } else { self.pass().await }
    }

    async fn pass(&self) -> Result<Report, Failure> {
        let at_rest = self.at_rest().await?;
        let mut tallied = Tallied::default();
        let waiting = self.audit_letters(&mut tallied).await?;
        let mut ledger = Ledger::new();
        let mut cases = Cases::new(&*self.store, &*self.scan);
        while let Some(some) = cases.next().await? {
            for case in some {
                // An order with a dead letter waits for it to be replayed: it is not at rest.
                let at_rest = at_rest && !waiting.contains(&case.order_id);
                self.audit_case(case, at_rest, &mut tallied, &mut ledger).await?;
            }
        }
        let still_at_rest = at_rest && self.at_rest().await?;
        self.audit_ledger(still_at_rest, &ledger, &mut tallied).await?;
        Ok(tallied.report(still_at_rest))
    }

    /// Nothing is in a queue, and nothing waits for the relay.
    async fn at_rest(&self) -> Result<bool, Failure> {
        let depths = self.letters.depths().await?;
        if depths.iter().any(|depth| depth.visible + depth.in_flight > 0) {
            return Ok(false);
        }
        for table in Table::ALL {
            let mut pages = Pages::new(&*self.store, table, Index::OutboxPending, None);
            while let Some(items) = pages.next().await? {
                if !items.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn audit_case(
        &self,
        case: Case,
        at_rest: bool,
        tallied: &mut Tallied,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let mut case = case;
        let mut found = self.look(&case, at_rest).await?;
        for _ in 1..LOOKS {
            if found.is_empty() {
                break;
            }
            self.clock.sleep(LOOK_PAUSE).await;
            case = Case::load(&*self.store, case.order_id).await?;
            found = self.look(&case, at_rest && self.at_rest().await?).await?;
        }
        tallied.count(&case);
        tallied.note(&case);
        found.into_iter().for_each(|violation| tallied.add(violation));
        let Some(reservation) = &case.reservation else { return Ok(()) };
        for line in &reservation.lines {
            for part in &line.allocations {
                let sums = ledger.entry((line.sku.clone(), part.bucket)).or_default();
                match reservation.state {
                    State::Reserved => sums.0 += i64::from(part.quantity),
                    State::Sold => sums.1 += i64::from(part.quantity),
                    State::Trying | State::Rejected | State::Released => {}
                }
            }
        }
        Ok(())
    }

    async fn look(&self, case: &Case, at_rest: bool) -> Result<Vec<Violation>, Failure> {
        let mut found = check_case(case, at_rest, self.clock.now());
        let movements = case.payment.iter().flat_map(|payment| &payment.movements);
        for movement in movements {
            let key = row::provider_event_key(&movement.provider, &movement.provider_event_id);
            if self.store.get(&key).await?.is_none() {
                let id = &movement.provider_event_id;
                let text = format!("order {}: no stored event {id}", case.order_id);
                found.push(Violation { invariant: 7, text });
            }
        }
        Ok(found)
    }

    /// Each bucket for itself at any time; against the reservations at rest.
    async fn audit_ledger(
        &self,
        at_rest: bool,
        held: &Ledger,
        tallied: &mut Tallied,
    ) -> Result<(), Failure> {
        let mut after = None;
        let mut seen = Ledger::new();
        loop {
            let items = self.scan.scan(Table::Inventory, after.as_ref(), 1_000).await?;
            let Some(last) = items.last() else { break };
            after = Some(last.key.clone());
            for item in &items {
                if let Some((sku, number)) = bucket_of(item) {
                    let bucket: Bucket = row::decode(item)?.value;
                    tallied.checked[0] += 1;
                    let sums = held.get(&(sku.clone(), number)).copied().unwrap_or_default();
                    if let Some(text) = check_bucket(&bucket, at_rest.then_some(sums)) {
                        let text = format!("{sku}, bucket {number}: {text}");
                        tallied.add(Violation { invariant: 0, text });
                    }
                    seen.insert((sku, number), sums);
                }
            }
        }
        for ((sku, number), sums) in held {
            if *sums != (0, 0) && !seen.contains_key(&(sku.clone(), *number)) {
                let text = format!("{sku}, bucket {number}: reserved from, but not in the ledger");
                tallied.add(Violation { invariant: 0, text });
            }
        }
        Ok(())
    }

    /// Gives the orders that have a dead letter.
    async fn audit_letters(&self, tallied: &mut Tallied) -> Result<HashSet<OrderId>, Failure> {
        let mut waiting = HashSet::new();
        let mut filter = DeadLetterFilter::default();
        loop {
            let letters = self.letters.list(&filter, 1_000).await?;
            let Some(last) = letters.last() else { return Ok(waiting) };
            filter.after = Some(last.id.clone());
            for letter in &letters {
                waiting.extend(order_id(&letter.message.group));
                tallied.checked[6] += 1;
                if letter.cause.is_empty() {
                    let text = format!("dead letter {} has no cause", letter.id);
                    tallied.add(Violation { invariant: 6, text });
                }
            }
        }
    }
}

/// The SKU and number of the bucket in a row of the inventory table; `None` for other rows.
fn bucket_of(item: &Item) -> Option<(Sku, u8)> {
    let sku = item.key.partition.strip_prefix("sku#")?.parse().ok()?;
    let number = item.key.sort.strip_prefix(row::BUCKET_PREFIX)?.parse().ok()?;
    Some((sku, number))
}

fn check_bucket(bucket: &Bucket, held: Option<(i64, i64)>) -> Option<String> {
    let Bucket { available, reserved, sold, received } = *bucket;
    if available < 0 || reserved < 0 || sold < 0 || received < 0 {
        return Some(format!("below zero: {bucket:?}"));
    }
    if available + reserved + sold != received {
        return Some(format!("does not add up: {bucket:?}"));
    }
    let (in_reservations, in_sales) = held?;
    (reserved != in_reservations || sold != in_sales).then(|| {
        format!(
            "ledger has {reserved} reserved and {sold} sold, \
             reservations say {in_reservations} and {in_sales}"
        )
    })
}

/// Counts, by invariant.
#[derive(Default)]
struct Tallied {
    checked: [u64; 8],
    violations: [Vec<String>; 8],
    unshown: [u64; 8],
    notes: Vec<String>,
}

impl Tallied {
    fn count(&mut self, case: &Case) {
        let events: usize = case.outbox.iter().map(Vec::len).sum();
        let movements = case.payment.as_ref().map_or(0, |payment| payment.movements.len());
        let add = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        for invariant in [1, 2, 3] {
            self.checked[invariant] += 1;
        }
        for invariant in [4, 5] {
            self.checked[invariant] += add(events);
        }
        self.checked[7] += add(movements);
    }

    /// A provider captured money for an order that never was: it waits here for ever.
    fn note(&mut self, case: &Case) {
        let movements = case.payment.iter().flat_map(|payment| &payment.movements);
        let captured = movements.into_iter().any(|movement| movement.kind == Kind::Captured);
        if captured && case.order.is_none() && self.notes.len() < SHOWN_MAX {
            let id = case.order_id;
            self.notes.push(format!("money was captured for order {id}, which does not exist"));
        }
    }

    fn add(&mut self, violation: Violation) {
        let shown = &mut self.violations[violation.invariant];
        if shown.len() < SHOWN_MAX {
            shown.push(violation.text);
        } else {
            self.unshown[violation.invariant] += 1;
        }
    }

    fn report(self, at_rest: bool) -> Report {
        let mut checks = Vec::with_capacity(INVARIANTS.len());
        let found = self.checked.into_iter().zip(self.violations).zip(self.unshown);
        for ((invariant, title), ((checked, mut violations), unshown)) in
            INVARIANTS.into_iter().zip(found)
        {
            if unshown > 0 {
                violations.push(format!("and {unshown} more"));
            }
            let ok = violations.is_empty();
            checks.push(Check { invariant, title, ok, checked, violations });
        }
        let ok = checks.iter().all(|check| check.ok);
        Report { ok, at_rest, checks, notes: self.notes }
    }
}

/// An order id that is a partition; other partitions are not orders.
fn order_id(partition: &str) -> Option<OrderId> {
    partition.parse().ok()
}
