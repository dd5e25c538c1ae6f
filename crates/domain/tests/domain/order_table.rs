//! The order table of `docs/PROTOCOLS.md`, section 5: every cell.

use lmall_domain::{
    Money, RefundId, Timestamp,
    event::{CancelReason, Event, EventType, RefundDue},
    order::{Command, Decision, Line, Order, Rejection, Status, Stock, decide},
};

use super::support::{ORDER, PLACED, at, eur, sku, yen};

const TOTAL: i64 = 1_000;
const PAY_BY_S: u64 = 1_800;

const STOCKS: [Stock; 5] =
    [Stock::Pending, Stock::Held, Stock::Refused, Stock::Released, Stock::Sold];
const HELD: &[Stock] = &[Stock::Held];
const NOT_HELD: &[Stock] = &[Stock::Pending, Stock::Refused, Stock::Released, Stock::Sold];
const SOLD: &[Stock] = &[Stock::Sold];
const NOT_SOLD: &[Stock] = &[Stock::Pending, Stock::Held, Stock::Refused, Stock::Released];

/// A column of the table. An order that is not fully paid has 400 of its 1,000 already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// 100: 500 in all where it is not paid.
    CapturedBelow,
    /// 600: exactly the total where it is not paid.
    CapturedEqual,
    /// 700: 100 more than the total where it is not paid.
    CapturedAbove,
    /// 70 of another currency.
    CapturedForeign,
    Failed,
    Refunded,
    RefundedForeign,
    Reserved,
    Rejected,
    Released,
    Sold,
    CustomerCancels,
    PaymentIsOverdue,
    /// The scheduler asks before `pay_by`.
    PaymentIsNotOverdue,
}

use Input as I;

impl Input {
    const ALL: [Self; 14] = [
        I::CapturedBelow,
        I::CapturedEqual,
        I::CapturedAbove,
        I::CapturedForeign,
        I::Failed,
        I::Refunded,
        I::RefundedForeign,
        I::Reserved,
        I::Rejected,
        I::Released,
        I::Sold,
        I::CustomerCancels,
        I::PaymentIsOverdue,
        I::PaymentIsNotOverdue,
    ];

    fn command(self) -> (Command, Timestamp) {
        let command = match self {
            I::CapturedBelow => Command::NoteCapture(eur(100)),
            I::CapturedEqual => Command::NoteCapture(eur(600)),
            I::CapturedAbove => Command::NoteCapture(eur(700)),
            I::CapturedForeign => Command::NoteCapture(yen(70)),
            I::Failed => Command::NoteFailure,
            I::Refunded => Command::NoteRefund(eur(50)),
            I::RefundedForeign => Command::NoteRefund(yen(70)),
            I::Reserved => Command::NoteReserved,
            I::Rejected => Command::NoteRejected,
            I::Released => Command::NoteReleased,
            I::Sold => Command::NoteSold,
            I::CustomerCancels => Command::Cancel(CancelReason::Customer),
            I::PaymentIsOverdue | I::PaymentIsNotOverdue => {
                Command::Cancel(CancelReason::PaymentTimeout)
            }
        };
        (command, if self == I::PaymentIsOverdue { at(PAY_BY_S) } else { at(PAY_BY_S - 1) })
    }

    /// What it adds to the money that the order has seen come and go, in its own currency.
    const fn noted(self) -> (i64, i64) {
        match self {
            I::CapturedBelow => (100, 0),
            I::CapturedEqual => (600, 0),
            I::CapturedAbove => (700, 0),
            I::Refunded => (0, 50),
            I::CapturedForeign
            | I::Failed
            | I::RefundedForeign
            | I::Reserved
            | I::Rejected
            | I::Released
            | I::Sold
            | I::CustomerCancels
            | I::PaymentIsOverdue
            | I::PaymentIsNotOverdue => (0, 0),
        }
    }
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Ignore,
    Refuse(Rejection),
    /// Only the money is noted.
    Note,
    /// Only the stock flag changes.
    Flag(Stock),
    /// The status, without a word.
    Quiet(Status),
    /// The status, and an event with this much to give back (0: no `refund_due`).
    Say(Status, EventType, i64),
    /// The same, and the stock flag.
    SayFlag(Status, Stock, EventType, i64),
    /// All of the foreign money goes back, nothing else changes.
    RefundForeign,
}

type Row = (Status, &'static [Stock], &'static [Input], Cell);

const ANY: &[Stock] = &STOCKS;
const CANCELS: &[Input] = &[I::CustomerCancels, I::PaymentIsOverdue, I::PaymentIsNotOverdue];

#[rustfmt::skip]
const TABLE: &[Row] = {
    use {Cell as C, EventType as E, Stock as K, Status as S};
    &[
        (S::Pending, ANY, &[I::CapturedBelow], C::Note),
        (S::Pending, NOT_HELD, &[I::CapturedEqual], C::Quiet(S::Paid)),
        (S::Pending, NOT_HELD, &[I::CapturedAbove], C::Say(S::Paid, E::OrderRefundRequested, 100)),
        (S::Pending, HELD, &[I::CapturedEqual], C::Say(S::Confirmed, E::OrderConfirmed, 0)),
        (S::Pending, HELD, &[I::CapturedAbove], C::Say(S::Confirmed, E::OrderConfirmed, 100)),
        (S::Pending, NOT_HELD, &[I::Reserved], C::Flag(K::Held)),
        (S::Pending, HELD, &[I::Reserved, I::Rejected], C::Ignore),
        (S::Pending, NOT_HELD, &[I::Rejected], C::SayFlag(S::Canceled, K::Refused, E::OrderCanceled, 400)),
        (S::Pending, NOT_HELD, &[I::Released], C::Ignore),
        (S::Pending, HELD, &[I::Released], C::SayFlag(S::Canceled, K::Released, E::OrderCanceled, 400)),
        (S::Pending, ANY, &[I::Sold], C::Ignore),
        (S::Pending, ANY, &[I::CustomerCancels, I::PaymentIsOverdue], C::Say(S::Canceling, E::OrderCancelRequested, 0)),
        (S::Pending, ANY, &[I::PaymentIsNotOverdue], C::Refuse(Rejection::NotDue)),

        (S::Paid, ANY, &[I::CapturedBelow], C::Say(S::Paid, E::OrderRefundRequested, 100)),
        (S::Paid, ANY, &[I::CapturedEqual], C::Say(S::Paid, E::OrderRefundRequested, 600)),
        (S::Paid, ANY, &[I::CapturedAbove], C::Say(S::Paid, E::OrderRefundRequested, 700)),
        (S::Paid, ANY, &[I::Reserved], C::SayFlag(S::Confirmed, K::Held, E::OrderConfirmed, 0)),
        (S::Paid, ANY, &[I::Rejected], C::SayFlag(S::Canceled, K::Refused, E::OrderCanceled, 1_000)),
        (S::Paid, ANY, &[I::Released, I::Sold], C::Ignore),
        (S::Paid, ANY, CANCELS, C::Refuse(Rejection::NotCancelable(S::Paid))),

        (S::Confirmed, ANY, &[I::CapturedBelow], C::Say(S::Confirmed, E::OrderRefundRequested, 100)),
        (S::Confirmed, ANY, &[I::CapturedEqual], C::Say(S::Confirmed, E::OrderRefundRequested, 600)),
        (S::Confirmed, ANY, &[I::CapturedAbove], C::Say(S::Confirmed, E::OrderRefundRequested, 700)),
        (S::Confirmed, ANY, &[I::Reserved, I::Released], C::Ignore),
        (S::Confirmed, ANY, &[I::Rejected], C::SayFlag(S::Canceled, K::Refused, E::OrderCanceled, 1_000)),
        (S::Confirmed, NOT_SOLD, &[I::Sold], C::Flag(K::Sold)),
        (S::Confirmed, SOLD, &[I::Sold], C::Ignore),
        (S::Confirmed, ANY, CANCELS, C::Refuse(Rejection::NotCancelable(S::Confirmed))),

        (S::Canceling, ANY, &[I::CapturedBelow], C::Say(S::Canceling, E::OrderRefundRequested, 500)),
        (S::Canceling, ANY, &[I::CapturedEqual], C::Say(S::Canceling, E::OrderRefundRequested, 1_000)),
        (S::Canceling, ANY, &[I::CapturedAbove], C::Say(S::Canceling, E::OrderRefundRequested, 1_100)),
        (S::Canceling, ANY, &[I::Reserved, I::Sold], C::Ignore),
        (S::Canceling, ANY, &[I::Rejected], C::SayFlag(S::Canceled, K::Refused, E::OrderCanceled, 400)),
        (S::Canceling, ANY, &[I::Released], C::SayFlag(S::Canceled, K::Released, E::OrderCanceled, 400)),
        (S::Canceling, ANY, CANCELS, C::Ignore),

        (S::Canceled, ANY, &[I::CapturedBelow], C::Say(S::Canceled, E::OrderRefundRequested, 100)),
        (S::Canceled, ANY, &[I::CapturedEqual], C::Say(S::Canceled, E::OrderRefundRequested, 600)),
        (S::Canceled, ANY, &[I::CapturedAbove], C::Say(S::Canceled, E::OrderRefundRequested, 700)),
        (S::Canceled, ANY, &[I::Reserved, I::Rejected, I::Released, I::Sold], C::Ignore),
        (S::Canceled, ANY, CANCELS, C::Ignore),

        (S::Pending, ANY, &[I::Failed, I::RefundedForeign], C::Ignore),
        (S::Paid, ANY, &[I::Failed, I::RefundedForeign], C::Ignore),
        (S::Confirmed, ANY, &[I::Failed, I::RefundedForeign], C::Ignore),
        (S::Canceling, ANY, &[I::Failed, I::RefundedForeign], C::Ignore),
        (S::Canceled, ANY, &[I::Failed, I::RefundedForeign], C::Ignore),

        (S::Pending, ANY, &[I::Refunded], C::Note),
        (S::Paid, ANY, &[I::Refunded], C::Note),
        (S::Confirmed, ANY, &[I::Refunded], C::Note),
        (S::Canceling, ANY, &[I::Refunded], C::Note),
        (S::Canceled, ANY, &[I::Refunded], C::Note),

        (S::Pending, ANY, &[I::CapturedForeign], C::RefundForeign),
        (S::Paid, ANY, &[I::CapturedForeign], C::RefundForeign),
        (S::Confirmed, ANY, &[I::CapturedForeign], C::RefundForeign),
        (S::Canceling, ANY, &[I::CapturedForeign], C::RefundForeign),
        (S::Canceled, ANY, &[I::CapturedForeign], C::RefundForeign),
    ]
};

/// 400 captured of 1,000, or all of it where the status says so; a canceled order has asked for
/// the 400 already.
fn order(status: Status, stock: Stock) -> Order {
    let unit_price = eur(TOTAL);
    let line = Line { sku: sku("tea"), name: "Tea".to_owned(), quantity: 1, unit_price };
    let paid = matches!(status, Status::Paid | Status::Confirmed);
    let canceled = status == Status::Canceled;
    Order {
        id: ORDER,
        customer_id: "ada".parse().expect("a customer id"),
        status,
        stock,
        lines: vec![line],
        total: eur(TOTAL),
        captured: if paid { TOTAL } else { 400 },
        refunded: 0,
        refund_requested: if canceled { 400 } else { 0 },
        refunds: u32::from(canceled),
        placed_at: PLACED,
        pay_by: at(PAY_BY_S),
        cancel_reason: canceled.then_some(CancelReason::Customer),
        events: 7,
    }
}

fn check(status: Status, stock: Stock, input: Input, cell: Cell) {
    let name = format!("{status:?}, stock {stock:?}, {input:?}");
    let before = order(status, stock);
    let (command, now) = input.command();
    let decision = decide(&before, command, now);
    let (next_status, next_stock, event_type, due) = match cell {
        Cell::Ignore => return assert_eq!(decision, Ok(Decision::Nothing), "{name}"),
        Cell::Refuse(why) => return assert_eq!(decision, Err(why), "{name}"),
        Cell::Note => (status, stock, None, eur(0)),
        Cell::Flag(stock) => (status, stock, None, eur(0)),
        Cell::Quiet(status) => (status, stock, None, eur(0)),
        Cell::Say(status, event_type, due) => (status, stock, Some(event_type), eur(due)),
        Cell::SayFlag(status, stock, event_type, due) => {
            (status, stock, Some(event_type), eur(due))
        }
        Cell::RefundForeign => (status, stock, Some(EventType::OrderRefundRequested), yen(70)),
    };
    let Ok(Decision::Change(after, event)) = decision else {
        panic!("{name}: {decision:?} instead of a change");
    };
    let (captured, refunded) = input.noted();
    let due_here = if due.currency == before.total.currency { due.amount } else { 0 };
    let expected = Order {
        status: next_status,
        stock: next_stock,
        captured: before.captured + captured,
        refunded: before.refunded + refunded,
        refund_requested: before.refund_requested + due_here,
        refunds: before.refunds + u32::from(due.amount > 0),
        cancel_reason: after.cancel_reason,
        events: before.events + u32::from(event_type.is_some()),
        ..before.clone()
    };
    assert_eq!(after, expected, "{name}");
    assert_eq!(event.as_ref().map(Event::event_type), event_type, "{name}");
    let refund_due = event.as_ref().and_then(refund_due);
    let refund_id = RefundId::of(ORDER, before.refunds + 1);
    let expected = (due.amount > 0).then_some(RefundDue { refund_id, amount: due });
    assert_eq!(refund_due, expected.as_ref(), "{name}");
}

fn refund_due(event: &Event) -> Option<&RefundDue> {
    match event {
        Event::OrderConfirmed(confirmed) => confirmed.refund_due.as_ref(),
        Event::OrderCanceled(canceled) => canceled.refund_due.as_ref(),
        Event::OrderRefundRequested(requested) => Some(&requested.refund_due),
        Event::OrderCreated(_)
        | Event::OrderCancelRequested(_)
        | Event::InventoryReserved(_)
        | Event::InventoryRejected(_)
        | Event::InventoryReleased(_)
        | Event::InventoryConfirmed(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentFailed(_)
        | Event::PaymentRefunded(_)
        | Event::ProductChanged(_)
        | Event::CustomerMailRequested(_)
        | Event::CustomerMerged(_)
        | Event::CustomerErased(_) => None,
    }
}

#[test]
fn every_cell_does_what_the_table_says() {
    for (status, stocks, inputs, cell) in TABLE {
        for stock in *stocks {
            for input in *inputs {
                check(*status, *stock, *input, *cell);
            }
        }
    }
}

#[test]
fn every_combination_has_one_row() {
    for status in Status::ALL {
        for stock in STOCKS {
            for input in Input::ALL {
                let rows = TABLE.iter().filter(|(of, stocks, inputs, _)| {
                    *of == status && stocks.contains(&stock) && inputs.contains(&input)
                });
                assert_eq!(rows.count(), 1, "{status:?}, stock {stock:?}, {input:?}");
            }
        }
    }
}

#[test]
fn the_first_reason_of_a_cancellation_stands() {
    use CancelReason as R;
    let canceling =
        |reason| Order { cancel_reason: Some(reason), ..order(Status::Canceling, Stock::Pending) };
    for (before, command, reason) in [
        (order(Status::Pending, Stock::Pending), Command::NoteRejected, R::OutOfStock),
        (order(Status::Paid, Stock::Pending), Command::NoteRejected, R::OutOfStock),
        (order(Status::Confirmed, Stock::Held), Command::NoteRejected, R::OutOfStock),
        (order(Status::Pending, Stock::Held), Command::NoteReleased, R::ReservationExpired),
        (order(Status::Pending, Stock::Held), Command::Cancel(R::Customer), R::Customer),
        (canceling(R::PaymentTimeout), Command::NoteReleased, R::PaymentTimeout),
        (canceling(R::Customer), Command::NoteRejected, R::Customer),
    ] {
        let Ok(Decision::Change(after, Some(event))) = decide(&before, command, PLACED) else {
            panic!("{command:?} does not cancel {:?}", before.status);
        };
        assert_eq!(after.cancel_reason, Some(reason), "{command:?} of {:?}", before.status);
        let said = match event {
            Event::OrderCanceled(canceled) => canceled.reason,
            Event::OrderCancelRequested(requested) => requested.reason,
            other => panic!("{other:?} is not about a cancellation"),
        };
        assert_eq!(said, reason, "{command:?} of {:?}", before.status);
    }
}

#[test]
fn nothing_is_given_back_twice() {
    // (status, captured, asked before, captured now, asked now)
    for (status, captured, asked, now, due) in [
        (Status::Confirmed, 1_300, 300, 200, Some(200)),
        (Status::Confirmed, 1_300, 200, 50, Some(150)),
        (Status::Confirmed, 1_000, 0, 1, Some(1)),
        (Status::Canceled, 1_300, 1_300, 5, Some(5)),
        (Status::Canceled, 0, 0, 5, Some(5)),
        (Status::Canceling, 300, 300, 1, Some(1)),
        (Status::Pending, 0, 0, 999, None),
        (Status::Paid, i64::MAX, i64::MAX - TOTAL, 1, None),
    ] {
        let before = Order { captured, refund_requested: asked, ..order(status, Stock::Pending) };
        let decision = decide(&before, Command::NoteCapture(eur(now)), PLACED);
        let Ok(Decision::Change(after, event)) = decision else {
            panic!("a capture is always noted");
        };
        let amount = event.as_ref().and_then(refund_due).map(|refund| refund.amount);
        assert_eq!(amount, due.map(eur), "{status:?}, {captured} - {asked} + {now}");
        assert!(after.refund_requested <= after.captured, "{status:?}");
    }
}

#[test]
fn money_is_compared_with_the_total_in_its_own_currency() {
    let before = order(Status::Pending, Stock::Held);
    let foreign = Command::NoteCapture(Money { amount: TOTAL, ..yen(0) });
    let Ok(Decision::Change(after, _)) = decide(&before, foreign, PLACED) else {
        panic!("a capture is always noted");
    };
    assert_eq!((after.status, after.captured), (Status::Pending, 400));
}
