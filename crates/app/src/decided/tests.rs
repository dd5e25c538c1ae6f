use std::{collections::BTreeSet, time::Duration};

use lmall_domain::{
    Money,
    event::CancelReason,
    money::Currency,
    order::{self, Order, Status, Stock},
    stock::{self, Line, Reservation},
};

use super::*;

const ID: OrderId = OrderId::new(7).unwrap();
const DUE: Timestamp = Timestamp::from_millis(1_768_386_600_000);

fn money(amount: i64, currency: &str) -> Money {
    Money::new(amount, Currency::from_code(currency).unwrap())
}

/// It has 400 of its 1,000.
fn order(status: Status, stock: Stock) -> Order {
    Order {
        id: ID,
        customer_id: "anna".parse().unwrap(),
        status,
        stock,
        lines: Vec::new(),
        total: money(1_000, "EUR"),
        captured: 400,
        refunded: 0,
        refund_requested: 0,
        refunds: 0,
        placed_at: DUE.before(Duration::from_secs(900)),
        pay_by: DUE,
        cancel_reason: None,
        events: 1,
    }
}

#[test]
fn a_decision_about_an_order_names_its_cell() {
    use order::Command as C;
    let early = DUE.before(Duration::from_millis(1));
    let timeout = C::Cancel(CancelReason::PaymentTimeout);
    let captured = |amount, currency| C::NoteCapture(money(amount, currency));
    let (below, enough, foreign) =
        (captured(599, "EUR"), captured(600, "EUR"), captured(600, "JPY"));
    let refunded = C::NoteRefund(money(1, "JPY"));
    for (status, stock, command, now, state, input) in [
        (Status::Pending, Stock::Pending, timeout, early, "PENDING", "cancel time-out early"),
        (Status::Pending, Stock::Held, timeout, DUE, "PENDING held", "cancel time-out"),
        (Status::Pending, Stock::Refused, below, DUE, "PENDING", "captured below"),
        (Status::Paid, Stock::Held, enough, DUE, "PAID", "captured enough"),
        (Status::Canceling, Stock::Held, foreign, DUE, "CANCELING", "captured foreign"),
        (Status::Canceled, Stock::Held, refunded, DUE, "CANCELED", "refunded foreign"),
    ] {
        let cell = Cell::of_order(&order(status, stock), command, now);
        assert_eq!(cell, Cell { machine: "order", state, input });
    }
}

#[test]
fn a_decision_about_a_reservation_names_its_cell() {
    use stock::{Command as C, State as S};
    let early = DUE.before(Duration::from_millis(1));
    let (some, none) = (Some(true), Some(false));
    for (lines, of, command, now, state, input) in [
        (None, S::Trying, C::Expire, early, "absent", "expire"),
        (some, S::Trying, C::Expire, early, "TRYING", "expire early"),
        (some, S::Reserved, C::Expire, DUE, "RESERVED", "expire"),
        (some, S::Released, C::ConfirmLate(Vec::new()), DUE, "RELEASED", "confirm late"),
        (none, S::Released, C::RefuseConfirm(None), DUE, "tombstone", "refuse confirm"),
        (none, S::Rejected, C::Confirm, DUE, "REJECTED", "confirm"),
    ] {
        let reservation = lines.map(|lines| {
            let line = Line { sku: "tea".parse().unwrap(), quantity: 1, allocations: Vec::new() };
            let lines = if lines { vec![line] } else { Vec::new() };
            Reservation { order_id: ID, state: of, lines, expires_at: DUE, events: 1 }
        });
        let cell = Cell::of_reservation(reservation.as_ref(), &command, now);
        assert_eq!(cell, Cell { machine: "reservation", state, input });
    }
}

#[test]
fn no_name_stands_for_two() {
    for Machine { name, states, inputs } in MACHINES {
        for names in [states, inputs] {
            let distinct: BTreeSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{name}: {names:?}");
        }
    }
}
