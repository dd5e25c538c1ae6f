//! I1 to I4, as predicates on a state.

use lmall_domain::{
    Money,
    order::{Order, Status, Stock},
    payment::{Kind, Payment},
    stock::{self, Line, Reservation},
};
use stateright::Property;

use super::{
    Protocol,
    state::{Books, Case, State},
};

/// The properties, each of every reachable state.
pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("I1 the ledger adds up and agrees with the reservations", |_, state| {
            ledger_adds_up(state)
        }),
        Property::always("I2 every order can still end", Protocol::can_end),
        Property::always(
            "I3 no more is given back than came, and nothing twice",
            |_, state: &State| state.cases.iter().all(refunds_are_bounded),
        ),
        Property::always("I3 at rest the money is right", |_, state| {
            rested(state).all(|(order, case)| money_is_right(order, case).unwrap_or(false))
        }),
        Property::always("I4 at rest the stock is right", |_, state| {
            rested(state).all(|(order, case)| stock_is_right(order, case).unwrap_or(false))
        }),
    ]
}

/// The orders that have ended and of which nothing is on its way.
fn rested(state: &State) -> impl Iterator<Item = (&Order, &Case)> {
    let rested = state.cases.iter().filter(|case| case.is_quiet() && case.is_ended());
    rested.filter_map(|case| case.order.as_deref().map(|order| (order, case)))
}

fn ledger_adds_up(state: &State) -> bool {
    let bucket = state.bucket;
    let counters = [bucket.available, bucket.reserved, bucket.sold];
    let units = |wanted: stock::State| -> i64 {
        let reservations = state.cases.iter().filter_map(|case| case.reservation.as_deref());
        reservations.filter(|found| found.state == wanted).map(allocated).sum()
    };
    counters.iter().sum::<i64>() == bucket.received
        && counters.iter().all(|counter| *counter >= 0)
        && bucket.reserved == units(stock::State::Reserved)
        && bucket.sold == units(stock::State::Sold)
}

fn allocated(reservation: &Reservation) -> i64 {
    let of_line = |line: &Line| -> i64 {
        line.allocations.iter().map(|allocation| i64::from(allocation.quantity)).sum()
    };
    reservation.lines.iter().map(of_line).sum()
}

/// In our rows and in the provider's books, of each of its payments.
fn refunds_are_bounded(case: &Case) -> bool {
    let books = &case.books;
    let once = |index: usize| {
        let id = &books.returned[index].id;
        books.returned[..index].iter().all(|before| before.id != *id)
    };
    let bounded = |(payment_id, money): &(_, Money)| {
        let returned = books.returned.iter().filter(|returned| returned.payment_id == *payment_id);
        let returned: i64 = returned.map(|returned| returned.amount.amount).sum();
        let refunds = case.payment.iter().flat_map(|payment| &payment.refunds);
        let asked = refunds.filter(|refund| refund.payment_id == *payment_id);
        let asked: i64 = asked.map(|refund| refund.amount.amount).sum();
        returned <= asked && asked <= money.amount
    };
    let order = case.order.as_ref();
    (0..books.returned.len()).all(once)
        && books.captures.iter().all(bounded)
        && order.is_none_or(|order| order.refund_requested <= order.captured)
}

/// What the provider keeps is the total, or nothing; everybody knows so.
fn money_is_right(order: &Order, case: &Case) -> Option<bool> {
    let payment = case.payment.as_ref()?;
    let kept = if order.status == Status::Confirmed { order.total.amount } else { 0 };
    let (captured, returned) = in_total_currency(&case.books, order);
    let foreign = in_other_currencies(&case.books, order);
    Some(
        captured - returned == kept
            && foreign == 0
            && order.captured == captured
            && order.refunded == returned
            && order.refund_requested == returned
            && payment.captured(order.total.currency) == captured
            && payment.refunded(order.total.currency) == returned
            && all_told(payment, &case.books),
    )
}

fn in_total_currency(books: &Books, order: &Order) -> (i64, i64) {
    let same = |money: &Money| money.currency == order.total.currency;
    let captured = books.captures.iter().map(|(_, money)| *money).filter(same);
    let returned = books.returned.iter().map(|returned| returned.amount).filter(same);
    (captured.map(|money| money.amount).sum(), returned.map(|money| money.amount).sum())
}

/// What the provider keeps of it.
fn in_other_currencies(books: &Books, order: &Order) -> i64 {
    let other = |money: &Money| money.currency != order.total.currency;
    let captured = books.captures.iter().map(|(_, money)| *money).filter(other);
    let returned = books.returned.iter().map(|returned| returned.amount).filter(other);
    let captured: i64 = captured.map(|money| money.amount).sum();
    captured - returned.map(|money| money.amount).sum::<i64>()
}

/// Everything that the provider did is known here, and the order service was told of it.
fn all_told(payment: &Payment, books: &Books) -> bool {
    let captured = payment.movements.iter().filter(|found| found.kind == Kind::Captured).count();
    captured == books.captures.len() && payment.movements.iter().all(|found| found.settled)
}

/// A confirmed order has exactly its lines; a canceled one has nothing.
fn stock_is_right(order: &Order, case: &Case) -> Option<bool> {
    let reservation = case.reservation.as_deref()?;
    let sold = reservation.state == stock::State::Sold;
    let confirmed = order.status == Status::Confirmed;
    let wanted = order.lines.iter().map(|line| (&line.sku, line.quantity));
    let units = |line: &Line| line.allocations.iter().map(|found| found.quantity).sum::<u32>();
    let has = reservation.lines.iter().map(|line| (&line.sku, units(line)));
    let released = [stock::State::Rejected, stock::State::Released].contains(&reservation.state);
    Some(if confirmed {
        sold && order.stock == Stock::Sold && wanted.eq(has)
    } else {
        released && order.stock != Stock::Sold && order.stock != Stock::Held
    })
}
