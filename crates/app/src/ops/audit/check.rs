//! The checks of one order: pure.

use std::time::Duration;

use lmall_domain::{
    OrderId, Timestamp,
    order::{Order, Status},
    payment::{Kind, Payment, Progress},
    stock::{Reservation, State},
};

use super::{
    Violation,
    case::{Case, place},
};
use crate::{OutboxRow, topology::Queue};

/// How long after `pay_by` an unpaid order may still be PENDING: the scheduler runs each minute.
const OVERDUE: Duration = Duration::from_secs(300);

/// Dedupe rows older than this may be gone.
const DEDUPE_SURE: Duration = Duration::from_secs(55 * 86_400);

/// What is wrong with an order. What must hold at rest only is checked only `at_rest`.
pub(super) fn check_case(case: &Case, at_rest: bool, now: Timestamp) -> Vec<Violation> {
    let mut found = Findings { order_id: case.order_id, all: Vec::new() };
    check_events(case, &mut found);
    match &case.order {
        Some(order) => {
            check_order(order, now, &mut found);
            if at_rest {
                check_ended(order, &mut found);
                check_money_at_rest(order, case.payment.as_ref(), &mut found);
                check_stock_at_rest(order, case.reservation.as_ref(), &mut found);
            }
        }
        None if case.reservation.is_some() || !case.outbox[0].is_empty() => {
            found.add(1, "has a reservation or events, but does not exist");
        }
        None => {}
    }
    if let Some(payment) = &case.payment {
        check_refunds(payment, &mut found);
    }
    if at_rest {
        check_deliveries(case, now, &mut found);
    }
    found.all
}

struct Findings {
    order_id: OrderId,
    all: Vec<Violation>,
}

impl Findings {
    /// Notes a violation of the invariant with this index: 0 for I1.
    fn add(&mut self, invariant: usize, text: impl std::fmt::Display) {
        let text = format!("order {}: {text}", self.order_id);
        self.all.push(Violation { invariant, text });
    }
}

fn check_order(order: &Order, now: Timestamp, found: &mut Findings) {
    if order.status == Status::Pending && now > order.pay_by.after(OVERDUE) {
        found.add(1, format_args!("is PENDING since its pay_by, {}", order.pay_by));
    }
    if order.refund_requested > order.captured {
        found.add(
            2,
            format_args!(
                "asked for {} back, of {} captured",
                order.refund_requested, order.captured
            ),
        );
    }
}

fn check_ended(order: &Order, found: &mut Findings) {
    match order.status {
        Status::Paid | Status::Canceling => {
            found.add(1, format_args!("is left {} with nothing under way", order.status.name()));
        }
        Status::Pending | Status::Confirmed | Status::Canceled => {}
    }
}

fn check_money_at_rest(order: &Order, payment: Option<&Payment>, found: &mut Findings) {
    let kept = match order.status {
        Status::Confirmed | Status::Paid => order.total.amount,
        Status::Canceled | Status::Canceling => 0,
        Status::Pending => order.captured,
    };
    if order.captured - order.refund_requested != kept {
        found.add(
            2,
            format_args!(
                "{}: {} captured, {} asked back, {kept} to be kept",
                order.status.name(),
                order.captured,
                order.refund_requested
            ),
        );
    }
    let currency = order.total.currency;
    let captured = payment.map_or(0, |payment| payment.captured(currency));
    if captured != order.captured {
        found.add(
            2,
            format_args!("the payment has {captured} captured, the order {}", order.captured),
        );
    }
    let Some(payment) = payment else { return };
    let ours = |settled: bool| -> i64 {
        let refunds = payment.refunds.iter().filter(|refund| refund.progress.is_asked());
        refunds
            .filter(|refund| refund.amount.currency == currency)
            .filter(|refund| {
                !settled || matches!(refund.progress, Progress::Settled | Progress::Answered)
            })
            .map(|refund| refund.amount.amount)
            .sum()
    };
    let on_its_own = (payment.refunded(currency) - ours(true)).max(0);
    let asked = ours(false);
    // Less is asked of the provider only where it had given money back on its own.
    if asked > order.refund_requested || asked + on_its_own < order.refund_requested {
        let wanted = order.refund_requested;
        found.add(2, format_args!("wants {wanted} back, {asked} are being refunded"));
    }
}

fn check_refunds(payment: &Payment, found: &mut Findings) {
    for refund in &payment.refunds {
        if refund.progress == Progress::Refused {
            found.add(2, format_args!("refund {} was refused by the provider", refund.id));
        }
        let of_payment = |kind: Kind| -> i64 {
            let movements = payment.movements.iter().filter(|movement| {
                movement.kind == kind
                    && movement.payment_id == refund.payment_id
                    && movement.amount.currency == refund.amount.currency
            });
            movements.map(|movement| movement.amount.amount).sum()
        };
        let asked: i64 = payment
            .refunds
            .iter()
            .filter(|other| {
                other.progress.is_asked()
                    && other.payment_id == refund.payment_id
                    && other.amount.currency == refund.amount.currency
            })
            .map(|other| other.amount.amount)
            .sum();
        if asked > of_payment(Kind::Captured) {
            found.add(2, format_args!("more is refunded of {} than captured", refund.payment_id));
        }
    }
}

fn check_stock_at_rest(order: &Order, reservation: Option<&Reservation>, found: &mut Findings) {
    let state = reservation.map(|reservation| reservation.state);
    let right = match order.status {
        Status::Confirmed => state == Some(State::Sold),
        Status::Canceled => {
            matches!(state, None | Some(State::Rejected | State::Released))
        }
        Status::Pending | Status::Paid | Status::Canceling => true,
    };
    if !right {
        found.add(3, format_args!("is {}, its reservation {state:?}", order.status.name()));
    }
    if let (Status::Confirmed, Some(reservation)) = (order.status, reservation) {
        let ordered = order.lines.iter().map(|line| (&line.sku, line.quantity));
        let sold = reservation.lines.iter().map(|line| (&line.sku, line.quantity));
        if !ordered.eq(sold) {
            found.add(3, "has other lines than its reservation");
        }
    }
}

/// Each service's events are numbered from 1 without a gap. Their dates prove nothing: the
/// clock may have been set back.
fn check_events(case: &Case, found: &mut Findings) {
    let written = [
        case.order.as_ref().map_or(0, |order| order.events),
        case.reservation.as_ref().map_or(0, |reservation| reservation.events),
        case.payment.as_ref().map_or(0, |payment| payment.events),
    ];
    for (rows, events) in case.outbox.iter().zip(written) {
        let numbered = (1..=events).eq(rows.iter().map(|(row, _)| row.seq));
        if !numbered {
            let ids: Vec<_> = rows.iter().map(|(row, _)| row.event_id.as_str()).collect();
            found.add(5, format_args!("wrote {events} events, the outbox has {ids:?}"));
        }
    }
}

/// Each event was published, and each FIFO consumer that subscribes to it has handled it.
fn check_deliveries(case: &Case, now: Timestamp, found: &mut Findings) {
    let rows = case.outbox.iter().flatten();
    for (row, pending) in rows.filter(|(row, _)| now.since(row.created_at) < DEDUPE_SURE) {
        if *pending {
            found.add(4, format_args!("event {} was never published", row.event_id));
        }
        for missing in Queue::ALL.into_iter().filter(|queue| !was_handled(case, row, *queue)) {
            let queue = missing.name();
            found.add(4, format_args!("event {} had no effect at {queue}", row.event_id));
        }
    }
}

fn was_handled(case: &Case, row: &OutboxRow, queue: Queue) -> bool {
    let Some(table) = queue.table() else { return true };
    !queue.subscriptions().contains(&row.event_type)
        || case.handled[place(table)].contains(row.event_id.as_str())
}
