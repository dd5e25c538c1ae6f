use lmall_app::payment::{Providers, parse};

use super::*;
use crate::kernel::START;

fn money(amount: i64, code: &str) -> Money {
    Money::new(amount, Currency::from_code(code).unwrap())
}

fn eur(amount: i64) -> Money {
    money(amount, "EUR")
}

fn order(number: u64) -> OrderId {
    OrderId::new(number).unwrap()
}

fn request(n: u32, event: &Event, amount: Money) -> RefundRequest {
    RefundRequest {
        id: RefundId::of(event.order_id, n),
        order_id: event.order_id,
        provider: super::super::NAME.parse().unwrap(),
        payment_id: event.payment_id.clone(),
        amount,
    }
}

fn total(books: &Books, number: u64) -> Vec<(&'static str, i64, i64)> {
    let totals = books.totals(order(number)).into_iter();
    totals.map(|total| (total.currency.code(), total.captured, total.refunded)).collect()
}

#[test]
fn captures_add_up_by_currency_and_failures_do_not() {
    let mut books = Books::default();
    let events = [
        books.capture(order(1), eur(10), START),
        books.fail(order(1), eur(10), START),
        books.capture(order(1), eur(5), START),
        books.capture(order(1), money(7, "JPY"), START),
        books.capture(order(2), eur(3), START),
        books.fail(order(3), eur(3), START),
    ];
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| &event.id).collect();
    let payments: std::collections::BTreeSet<_> =
        events.iter().map(|event| &event.payment_id).collect();
    assert_eq!((ids.len(), payments.len()), (6, 6));
    assert_eq!(total(&books, 1), [("EUR", 15, 0), ("JPY", 7, 0)]);
    assert_eq!(total(&books, 2), [("EUR", 3, 0)]);
    assert_eq!(total(&books, 3), []);
    assert_eq!(books.orders().into_keys().collect::<Vec<_>>(), [order(1), order(2), order(3)]);
}

#[test]
fn a_refund_id_gives_back_once_and_answers_the_same() {
    for (manner, answer, told) in [
        (Manner::Later, RefundAnswer::Accepted, true),
        (Manner::AtOnce, RefundAnswer::Done, true),
        (Manner::Silently, RefundAnswer::Done, false),
    ] {
        let mut books = Books::default();
        let capture = books.capture(order(1), eur(10), START);
        let wish = request(1, &capture, eur(4));
        let (first, event) = books.refund(&wish, manner, START).unwrap();
        assert_eq!((first, event.is_some()), (answer, told));
        for again in [Manner::Later, Manner::AtOnce, Manner::Silently] {
            assert_eq!(books.refund(&wish, again, START), Ok((answer, None)));
        }
        assert_eq!(total(&books, 1), [("EUR", 10, 4)]);
        let other = request(1, &capture, eur(5));
        assert!(books.refund(&other, manner, START).is_err(), "another refund under the same id");
        assert_eq!(total(&books, 1), [("EUR", 10, 4)]);
    }
}

#[test]
fn no_more_goes_back_than_the_capture_has_left() {
    let mut books = Books::default();
    let capture = books.capture(order(1), eur(10), START);
    books.capture(order(1), eur(100), START);
    let failed = books.fail(order(1), eur(10), START);
    let mut check = |wish: &RefundRequest, ok: bool, refunded: i64| {
        assert_eq!(books.refund(wish, Manner::AtOnce, START).is_ok(), ok, "{wish:?}");
        assert_eq!(total(&books, 1), [("EUR", 110, refunded)]);
    };
    check(&request(1, &capture, eur(11)), false, 0);
    check(&request(1, &capture, eur(0)), false, 0);
    check(&request(1, &capture, eur(-1)), false, 0);
    check(&request(1, &capture, money(1, "JPY")), false, 0);
    check(&request(1, &failed, eur(1)), false, 0);
    check(&RefundRequest { order_id: order(2), ..request(1, &capture, eur(1)) }, false, 0);
    check(&request(2, &capture, eur(6)), true, 6);
    check(&request(3, &capture, eur(5)), false, 6);
    check(&request(3, &capture, eur(4)), true, 10);
    check(&request(4, &capture, eur(1)), false, 10);
    check(&request(2, &capture, eur(6)), true, 10);
}

#[test]
fn what_a_person_gives_back_is_missing_for_other_refunds() {
    let mut books = Books::default();
    let capture = books.capture(order(1), eur(10), START);
    let event = books.refund_on_its_own(&capture.payment_id, eur(8), START).unwrap();
    assert_eq!((event.kind, event.refund_id), (Kind::Refunded, None));
    assert!(books.refund_on_its_own(&capture.payment_id, eur(8), START).is_err());
    assert!(books.refund(&request(1, &capture, eur(3)), Manner::AtOnce, START).is_err());
    assert!(books.refund(&request(1, &capture, eur(2)), Manner::AtOnce, START).is_ok());
    assert_eq!(total(&books, 1), [("EUR", 10, 10)]);
}

#[test]
fn a_webhook_says_what_the_event_says() {
    let providers = Providers::new(vec![super::super::config()]).unwrap();
    let provider = providers.get(super::super::NAME).unwrap();
    let mut books = Books::default();
    let capture = books.capture(order(1), eur(10), START);
    let failed = books.fail(order(1), eur(10), START);
    let (_, refund) = books.refund(&request(1, &capture, eur(4)), Manner::Later, START).unwrap();
    let own = books.refund_on_its_own(&capture.payment_id, eur(1), START).unwrap();
    for event in [capture, failed, refund.unwrap(), own] {
        let notice = parse(&provider, None, &event.body(), START).unwrap();
        let (order_id, movement) = notice.movement.unwrap();
        assert_eq!((notice.id, order_id), (event.id, event.order_id));
        assert_eq!((movement.kind, movement.amount), (event.kind, event.amount));
        assert_eq!(movement.payment_id, event.payment_id);
        assert_eq!(movement.refund_id, event.refund_id);
    }
}
