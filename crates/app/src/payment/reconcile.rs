//! Reconciliation: a provider's statement against what is stored here.
//!
//! A statement is CSV with a header line and the columns `provider`, `event_id`, `type`
//! (`payment.captured`, `payment.failed` or `payment.refunded`), `order_id`, `payment_id`,
//! `amount` (minor units), `currency` and `created` (RFC 3339), in any order.

use std::{collections::HashMap, io::Read};

use lmall_domain::{
    Money, OrderId, PaymentId, ProviderName, Timestamp,
    money::Currency,
    payment::{Kind, Movement, Payment},
};
use serde::{Deserialize, Serialize};

use super::{Payments, TABLE, wire::Notice};
use crate::{
    Changeset, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
    ports::{Key, Notice as OperatorNotice, Notices, Scan},
    row,
};

/// Rows read in one go.
const PAGE: usize = 1_000;

/// What a statement came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Lines that agree with what is stored.
    pub matched: u64,
    /// Lines that were not here, and were applied as if their webhook had come.
    pub missing_here: Vec<String>,
    /// Stored events of the statement's providers and time that it does not have.
    pub missing_there: Vec<String>,
    /// Lines whose order, kind or amount is another here. A person has to look at them.
    pub differs: Vec<String>,
}

/// A statement that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The line that is wrong, and how. Nothing was applied.
    #[error("not a statement")]
    Statement(#[from] csv::Error),
    /// Only a failed payment may be of nothing. Nothing was applied.
    #[error("event {0} of the statement must have an amount of more than 0")]
    Amount(PaymentId),
    /// The lines before were applied; the same statement can be given again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

#[derive(Debug, Deserialize)]
struct Line {
    provider: ProviderName,
    event_id: PaymentId,
    #[serde(rename = "type")]
    kind: LineKind,
    order_id: OrderId,
    payment_id: PaymentId,
    amount: i64,
    currency: Currency,
    created: Timestamp,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum LineKind {
    #[serde(rename = "payment.captured")]
    Captured,
    #[serde(rename = "payment.failed")]
    Failed,
    #[serde(rename = "payment.refunded")]
    Refunded,
}

impl Line {
    fn has_a_right_amount(&self) -> bool {
        match self.kind {
            LineKind::Captured | LineKind::Refunded => self.amount > 0,
            LineKind::Failed => self.amount >= 0,
        }
    }

    fn movement(&self, now: Timestamp) -> Movement {
        Movement {
            provider: self.provider.clone(),
            provider_event_id: self.event_id.clone(),
            payment_id: self.payment_id.clone(),
            kind: match self.kind {
                LineKind::Captured => Kind::Captured,
                LineKind::Failed => Kind::Failed,
                LineKind::Refunded => Kind::Refunded,
            },
            amount: Money::new(self.amount, self.currency),
            refund_id: None,
            recorded_at: now,
            settled: false,
        }
    }
}

impl Payments {
    /// Compares a statement with the stored payments, applies what is missing here, and stores
    /// the report. Tells operators when somebody has to look at it.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn reconcile(
        &self,
        scan: &dyn Scan,
        notices: &dyn Notices,
        statement: impl Read + Send,
    ) -> Result<Reconciliation, ReconcileError> {
        let lines = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(statement)
            .deserialize()
            .collect::<Result<Vec<Line>, _>>()?;
        if let Some(line) = lines.iter().find(|line| !line.has_a_right_amount()) {
            return Err(ReconcileError::Amount(line.event_id.clone()));
        }
        let mut report = Reconciliation::default();
        for line in &lines {
            self.reconcile_line(line, &mut report).await?;
        }
        report.missing_there = missing_there(scan, &lines).await?;
        self.store_report(&report).await?;
        let differs = report.missing_there.len() + report.differs.len();
        if differs > 0 {
            notices
                .tell(OperatorNotice::ReconciliationDiffers { rows: lines.len(), differs })
                .await;
        }
        Ok(report)
    }

    async fn reconcile_line(
        &self,
        line: &Line,
        report: &mut Reconciliation,
    ) -> Result<(), Failure> {
        let movement = line.movement(self.clock.now());
        let text = format!("{} {}: order {}", line.provider, line.event_id, line.order_id);
        let payment = self.load(line.order_id).await?;
        let here = payment
            .iter()
            .flat_map(|payment| &payment.value.movements)
            .find(|here| here.provider == line.provider && here.provider_event_id == line.event_id);
        if let Some(here) = here {
            if here.kind == movement.kind && here.amount == movement.amount {
                report.matched += 1;
            } else {
                report
                    .differs
                    .push(format!("{text}, {:?} here, {:?} there", here.amount, movement.amount));
            }
            return Ok(());
        }
        let notice = Notice {
            id: line.event_id.clone(),
            kind: "reconciliation".to_owned(),
            movement: Some((line.order_id, movement)),
        };
        let body = format!("statement line of {}", line.created);
        let trace = Trace::default();
        let received = self.record(&line.provider, &notice, body.as_bytes(), &trace).await?;
        if received.duplicate {
            report.differs.push(format!("{text}, stored for another order"));
        } else {
            report.missing_here.push(text);
        }
        Ok(())
    }

    async fn store_report(&self, report: &Reconciliation) -> Result<(), Failure> {
        rounds(&*self.clock, 0, async || {
            let sort = self.clock.now().to_string();
            let stored = row::plain(Key::new(TABLE, "reconciliation", sort), report);
            let changes = Changeset::new().insert(stored, Refusal::Stale);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await
    }
}

/// Stored events of the statement's providers, from its first line's time to its last one's,
/// that it does not have.
async fn missing_there(scan: &dyn Scan, lines: &[Line]) -> Result<Vec<String>, Failure> {
    let mut periods: HashMap<&ProviderName, (Timestamp, Timestamp)> = HashMap::new();
    for line in lines {
        let period = periods.entry(&line.provider).or_insert((line.created, line.created));
        *period = (period.0.min(line.created), period.1.max(line.created));
    }
    let listed: std::collections::HashSet<_> =
        lines.iter().map(|line| (&line.provider, &line.event_id)).collect();
    let mut missing = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let items = scan.scan(TABLE, after.as_ref(), PAGE).await?;
        let Some(last) = items.last() else { return Ok(missing) };
        after = Some(last.key.clone());
        for item in items.iter().filter(|item| item.key.sort == "payment") {
            let payment = row::decode::<Payment>(item)?.value;
            for movement in &payment.movements {
                let in_period = periods
                    .get(&movement.provider)
                    .is_some_and(|(from, to)| (*from..=*to).contains(&movement.recorded_at));
                let id = &movement.provider_event_id;
                if in_period && !listed.contains(&(&movement.provider, id)) {
                    missing.push(format!("{} {id}: order {}", movement.provider, payment.order_id));
                }
            }
        }
    }
}
