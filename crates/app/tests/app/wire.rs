//! What providers write, and what we read in it.

use lmall_app::payment::{Scheme, parse};
use lmall_domain::{OrderId, Timestamp, payment::Kind};
use serde_json::{Value, json};

use super::signatures::provider;

const ORDER: &str = "7212345678901";

/// Order, payment, kind, amount and currency, refund.
type Found = (u64, &'static str, Kind, i64, &'static str, Option<&'static str>);

/// What is expected of a body.
enum Read {
    Movement(Found),
    /// Taken, stored, and without meaning for an order.
    Nothing,
    Unparsable,
}

fn check(scheme: Scheme, header_id: Option<&str>, body: &Value, expected: &Read) {
    let name = format!("{scheme:?}: {body}");
    let now = Timestamp::from_millis(1_768_386_600_000);
    let parsed = parse(&provider(scheme, &["x"]), header_id, body.to_string().as_bytes(), now);
    let notice = match (parsed, expected) {
        (Err(_), Read::Unparsable) => return,
        (Ok(notice), Read::Movement(_) | Read::Nothing) => notice,
        (other, _) => panic!("{name}: {other:?}"),
    };
    let body_id = body["id"].as_str().or(header_id);
    assert_eq!(Some(notice.id.as_str()), body_id, "{name}");
    assert_eq!(Some(notice.kind.as_str()), body["type"].as_str(), "{name}");
    let Read::Movement((order, payment, kind, amount, currency, refund)) = expected else {
        return assert_eq!(notice.movement, None, "{name}");
    };
    let Some((order_id, movement)) = notice.movement else { panic!("{name}: it means nothing") };
    assert_eq!(Some(order_id), OrderId::new(*order), "{name}");
    assert_eq!((movement.payment_id.as_str(), movement.kind), (*payment, *kind), "{name}");
    let money = (movement.amount.amount, movement.amount.currency.code());
    assert_eq!(money, (*amount, *currency), "{name}");
    assert_eq!(movement.refund_id.as_ref().map(|id| id.as_str()), *refund, "{name}");
    assert_eq!(movement.provider_event_id, notice.id, "{name}");
    assert_eq!((movement.recorded_at, movement.settled), (now, false), "{name}");
}

/// `base` with the members of `changes`; `null` removes one.
fn with(base: &Value, changes: &Value) -> Value {
    let mut changed = base.clone();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(changed.as_object_mut().expect("an object").remove(name)),
            Value::Object(_) if changed[name].is_object() => {
                changed[name] = with(&changed[name], value);
            }
            _ => changed[name] = value.clone(),
        }
    }
    changed
}

#[test]
fn generic_and_standard_bodies() {
    let captured = json!({
        "id": "evt_1",
        "type": "payment.captured",
        "data": {
            "order_id": ORDER, "payment_id": "pay_1", "amount": 3697, "currency": "EUR",
            "unknown": [1, 2],
        },
        "unknown": true,
    });
    let order = 7_212_345_678_901;
    let read = |kind, amount| Read::Movement((order, "pay_1", kind, amount, "EUR", None));
    let refund = Read::Movement((order, "pay_1", Kind::Refunded, 3697, "EUR", Some("7-refund-1")));
    let huge = Read::Movement((order, "pay_1", Kind::Captured, i64::MAX, "EUR", None));
    for (changes, expected) in [
        (json!({}), read(Kind::Captured, 3697)),
        (json!({ "type": "payment.failed" }), read(Kind::Failed, 3697)),
        (json!({ "type": "payment.failed", "data": { "amount": 0 } }), read(Kind::Failed, 0)),
        (json!({ "type": "payment.refunded" }), read(Kind::Refunded, 3697)),
        (json!({ "type": "payment.refunded", "data": { "refund_id": "7-refund-1" } }), refund),
        (json!({ "type": "payment.disputed" }), Read::Nothing),
        (json!({ "type": "payment.disputed", "data": null }), Read::Nothing),
        (json!({ "type": "payment_intent.succeeded" }), Read::Nothing),
        (json!({ "data": { "amount": i64::MAX } }), huge),
        (json!({ "data": { "amount": 0 } }), Read::Unparsable),
        (json!({ "type": "payment.refunded", "data": { "amount": 0 } }), Read::Unparsable),
        (json!({ "data": { "amount": -1 } }), Read::Unparsable),
        (json!({ "type": "payment.failed", "data": { "amount": -1 } }), Read::Unparsable),
        (json!({ "data": { "amount": 36.97 } }), Read::Unparsable),
        (json!({ "data": { "amount": "3697" } }), Read::Unparsable),
        (json!({ "data": { "amount": u64::MAX } }), Read::Unparsable),
        (json!({ "data": { "amount": null } }), Read::Unparsable),
        (json!({ "data": { "currency": "eur" } }), Read::Unparsable),
        (json!({ "data": { "currency": "XXY" } }), Read::Unparsable),
        (json!({ "data": { "order_id": null } }), Read::Unparsable),
        (json!({ "data": { "order_id": 7 } }), Read::Unparsable),
        (json!({ "data": { "order_id": "0" } }), Read::Unparsable),
        (json!({ "data": { "payment_id": "" } }), Read::Unparsable),
        (json!({ "data": null }), Read::Unparsable),
        (json!({ "data": [] }), Read::Unparsable),
        (json!({ "type": null }), Read::Unparsable),
        (json!({ "id": "has space" }), Read::Unparsable),
        (json!({ "id": 7 }), Read::Unparsable),
    ] {
        for scheme in [Scheme::Generic, Scheme::Standard] {
            check(scheme, None, &with(&captured, &changes), &expected);
        }
    }
}

#[test]
fn an_id_counts_only_where_it_is_signed() {
    let body = json!({ "type": "other" });
    let named = json!({ "type": "other", "id": "evt_1" });
    check(Scheme::Standard, Some("msg_1"), &body, &Read::Nothing);
    check(Scheme::Standard, Some("msg_1"), &named, &Read::Nothing);
    check(Scheme::Standard, None, &body, &Read::Unparsable);
    // Whoever repeats a webhook of these schemes could write any id there.
    check(Scheme::Generic, Some("msg_1"), &body, &Read::Unparsable);
    check(Scheme::Stripe, Some("msg_1"), &body, &Read::Unparsable);
}

fn stripe(payment: &'static str, kind: Kind, amount: i64, currency: &'static str) -> Read {
    Read::Movement((7_212_345_678_901, payment, kind, amount, currency, None))
}

fn object(changes: Value) -> Value {
    json!({ "data": { "object": changes } })
}

#[test]
#[rustfmt::skip]
fn stripe_payment_intents() {
    let succeeded = json!({
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "data": { "object": {
            "id": "pi_1", "amount": 4000, "amount_received": 3697, "currency": "eur",
            "metadata": { "order_id": ORDER, "other": "x" },
        } },
    });
    let failed = |changes| with(&json!({ "type": "payment_intent.payment_failed" }), &object(changes));
    for (changes, expected) in [
        (json!({}), stripe("pi_1", Kind::Captured, 3697, "EUR")),
        (object(json!({ "currency": "jpy" })), stripe("pi_1", Kind::Captured, 3697, "JPY")),
        (object(json!({ "amount_received": null })), stripe("pi_1", Kind::Captured, 4000, "EUR")),
        (failed(json!({})), stripe("pi_1", Kind::Failed, 4000, "EUR")),
        (failed(json!({ "amount": null })), stripe("pi_1", Kind::Failed, 0, "EUR")),
        (json!({ "type": "payment_intent.created" }), Read::Nothing),
        (json!({ "type": "payment.captured" }), Read::Nothing),
        // Payments of something else on the same account.
        (object(json!({ "metadata": { "order_id": null } })), Read::Nothing),
        (object(json!({ "metadata": null })), Read::Nothing),
        (object(json!({ "amount_received": 0 })), Read::Unparsable),
        (object(json!({ "amount_received": -5 })), Read::Unparsable),
        (object(json!({ "amount_received": null, "amount": null })), Read::Unparsable),
        (object(json!({ "currency": "xxy" })), Read::Unparsable),
        (json!({ "data": null }), Read::Unparsable),
        (json!({ "id": null }), Read::Unparsable),
    ] {
        check(Scheme::Stripe, None, &with(&succeeded, &changes), &expected);
    }
}

/// A charge counts up what was given back; a webhook tells of the difference to before.
#[test]
#[rustfmt::skip]
fn stripe_refunds() {
    let refunded = json!({
        "id": "evt_2",
        "object": "event",
        "type": "charge.refunded",
        "data": {
            "object": {
                "id": "ch_1", "payment_intent": "pi_1", "amount": 3697, "amount_refunded": 1500,
                "currency": "eur", "metadata": { "order_id": ORDER },
            },
            "previous_attributes": { "amount_refunded": 500 },
        },
    });
    let before = |value: Value| json!({ "data": { "previous_attributes": value } });
    let absurd = json!({ "data": {
        "object": { "amount_refunded": i64::MAX },
        "previous_attributes": { "amount_refunded": -1 },
    } });
    for (changes, expected) in [
        (json!({}), stripe("pi_1", Kind::Refunded, 1000, "EUR")),
        (before(Value::Null), stripe("pi_1", Kind::Refunded, 1500, "EUR")),
        (before(json!({ "amount_refunded": null })), stripe("pi_1", Kind::Refunded, 1500, "EUR")),
        (object(json!({ "payment_intent": null })), stripe("ch_1", Kind::Refunded, 1000, "EUR")),
        (object(json!({ "amount_refunded": 500 })), Read::Unparsable),
        (object(json!({ "amount_refunded": 499 })), Read::Unparsable),
        (object(json!({ "amount_refunded": null })), Read::Unparsable),
        (absurd, Read::Unparsable),
    ] {
        check(Scheme::Stripe, None, &with(&refunded, &changes), &expected);
    }
}

#[test]
fn what_is_not_json_is_unparsable() {
    let now = Timestamp::from_millis(0);
    for body in [&b""[..], b"null", b"[]", b"{", b"\xff", b"{\"id\":\"\xff\",\"type\":\"x\"}"] {
        for scheme in [Scheme::Generic, Scheme::Stripe, Scheme::Standard] {
            let parsed = parse(&provider(scheme, &["x"]), Some("msg_1"), body, now);
            assert!(parsed.is_err(), "{scheme:?}: {body:?}");
        }
    }
}
