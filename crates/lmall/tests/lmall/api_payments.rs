//! Webhooks and payments over HTTP.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, Call, SECRET_DEMO, SECRET_DEMO_OLD, SECRET_STANDARD, SECRET_STRIPE, Scheme, Server,
    captured, eur, eventually, signed, text, unix_now_s,
};

/// A provider as configured for the tests.
#[derive(Clone, Copy)]
struct Provider {
    name: &'static str,
    scheme: Scheme,
    secret: &'static str,
}

const DEMO: Provider = Provider { name: "demo", scheme: Scheme::Generic, secret: SECRET_DEMO };
const CARDS: Provider = Provider { name: "cards", scheme: Scheme::Stripe, secret: SECRET_STRIPE };
const WALLET: Provider =
    Provider { name: "wallet", scheme: Scheme::Standard, secret: SECRET_STANDARD };

impl Provider {
    /// Its event that money came, in its own form.
    fn captured(self, event_id: &str, order_id: &str, money: &Value) -> Value {
        match self.scheme {
            Scheme::Generic | Scheme::Standard => captured(event_id, order_id, money),
            Scheme::Stripe => json!({
                "id": event_id,
                "object": "event",
                "type": "payment_intent.succeeded",
                "data": { "object": {
                    "id": "pi_1",
                    "object": "payment_intent",
                    "amount": money["amount"],
                    "amount_received": money["amount"],
                    "currency": money["currency"].as_str().expect("a code").to_lowercase(),
                    "metadata": { "order_id": order_id },
                } },
            }),
        }
    }

    /// The body, signed `age_s` seconds ago.
    fn call(self, event_id: &str, body: &[u8], age_s: i64) -> Call {
        let timestamp = unix_now_s().checked_add_signed(-age_s).expect("a time").to_string();
        let headers = signed(self.scheme, self.secret, event_id, &timestamp, body);
        let path = format!("/v1/webhooks/{}", self.name);
        Call::post(path).headers(headers).json_text(body.to_vec())
    }
}

fn received(answer: &Answer, duplicate: bool) {
    assert_eq!(answer.json(200), json!({ "received": true, "duplicate": duplicate }));
}

async fn refund_of(shop: &Server, order: &Value, captured: i64, refunded: i64) -> Value {
    let what = format!("{captured} captured, {refunded} refunded");
    let order = shop.order_where(order, &what, |order| {
        order["captured"] == eur(captured) && order["refunded"] == eur(refunded)
    });
    let order = order.await;
    let payment = shop.payment(&order).await;
    assert_eq!((&payment["captured"], &payment["refunded"]), (&eur(captured), &eur(refunded)));
    order
}

#[tokio::test]
async fn each_scheme_pays_an_order_once() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    for provider in [DEMO, CARDS, WALLET] {
        let order = shop.place("ann", &[("tea", 1)]).await;
        // An id is unique for its provider only: the same one everywhere.
        let event = provider.captured("evt_1", text(&order, "id"), &order["total"]);
        let body = event.to_string().into_bytes();
        received(&shop.send(provider.call("evt_1", &body, 0)).await, false);
        let order = shop.order_becomes(&order, "CONFIRMED").await;
        received(&shop.send(provider.call("evt_1", &body, 0)).await, true);
        // The same id with another amount is a replay, too.
        let other = provider.captured("evt_1", text(&order, "id"), &eur(1)).to_string();
        received(&shop.send(provider.call("evt_1", other.as_bytes(), 0)).await, true);

        let payment = shop.payment(&order).await;
        assert_eq!((&payment["captured"], &payment["refunded"]), (&eur(1_000), &eur(0)));
        let movements = payment["movements"].as_array().expect("movements");
        assert_eq!(movements.len(), 1, "{payment:#}");
        let movement = &movements[0];
        assert_eq!(text(movement, "provider_event_id"), "evt_1");
        assert_eq!(text(movement, "provider"), provider.name);
        assert_eq!(text(movement, "type"), "payment.captured");
        assert_eq!(movement["amount"], eur(1_000));
    }
    shop.audit_is_green().await;
}

#[tokio::test]
async fn what_a_provider_did_not_sign_now_changes_nothing() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let id = text(&order, "id");
    for provider in [DEMO, CARDS, WALLET] {
        let body = provider.captured("evt_1", id, &order["total"]).to_string().into_bytes();
        let good = |age_s| provider.call("evt_1", &body, age_s);
        let path = format!("/v1/webhooks/{}", provider.name);
        let signatures = |provider: Provider, timestamp: &str| {
            signed(provider.scheme, provider.secret, "evt_1", timestamp, &body)
        };
        let now = unix_now_s().to_string();
        let bare = || Call::post(&path).json_text(body.clone());
        let wrong = Provider { secret: "whsec_d3Jvbmc=", ..provider };
        let forged = [
            ("unsigned", bare()),
            ("another secret", bare().headers(signatures(wrong, &now))),
            ("old", good(310)),
            ("ahead", good(-310)),
            ("no time", bare().headers(signatures(provider, "now"))),
            ("negative time", bare().headers(signatures(provider, &format!("-{now}")))),
            ("another body", good(0).body([&body[..], b" "].concat())),
            ("headers twice", good(0).headers(signatures(provider, &now))),
            (
                "an empty signature",
                bare().headers(
                    signatures(provider, &now)
                        .into_iter()
                        .map(|(name, value)| (name, value.split("v1").next().unwrap().to_owned())),
                ),
            ),
        ];
        for (what, call) in forged {
            let answer = shop.send(call).await;
            assert_eq!(answer.status, 401, "{}, {what}: {}", provider.name, answer.text());
            let problem = answer.problem(401, "invalid-signature");
            assert!(problem.get("detail").is_none(), "a hint for forgers: {problem}");
        }
        for other in [DEMO, CARDS, WALLET].iter().filter(|other| other.name != provider.name) {
            let call = bare().headers(signatures(*other, &now));
            shop.send(call).await.problem(401, "invalid-signature");
        }
    }
    let body = captured("evt_1", id, &order["total"]).to_string().into_bytes();
    let to = |name| Provider { name, ..DEMO }.call("evt_1", &body, 0);
    shop.send(to("mute")).await.problem(401, "invalid-signature");
    shop.send(to("nobody")).await.problem(404, "not-found");

    let payment = shop.payment(&order).await;
    assert_eq!(payment["movements"], json!([]), "{payment:#}");
    assert_eq!(shop.order("ann", id).await, order);
    // A timestamp within the tolerance and a secret on its way out are good.
    let old_secret = Provider { secret: SECRET_DEMO_OLD, ..DEMO };
    received(&shop.send(old_secret.call("evt_1", &body, 290)).await, false);
    shop.order_becomes(&order, "CONFIRMED").await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn a_signed_body_that_says_nothing_is_told_from_one_that_says_nonsense() {
    let shop = Server::start().await;
    let event = |change: fn(&mut Value)| {
        let mut event = captured("evt_1", "7", &eur(5));
        change(&mut event);
        event.to_string()
    };
    let nonsense = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        event(|event| event["id"] = json!("")),
        event(|event| event["data"] = Value::Null),
        event(|event| event["data"]["order_id"] = json!("x")),
        event(|event| event["data"]["order_id"] = json!(7)),
        event(|event| event["data"]["amount"] = json!(0)),
        event(|event| event["data"]["amount"] = json!(-5)),
        event(|event| event["data"]["amount"] = json!(1.5)),
        event(|event| event["data"]["amount"] = json!("5")),
        event(|event| event["data"]["currency"] = json!("ZZZ")),
    ];
    for body in nonsense {
        let answer = shop.send(DEMO.call("evt_1", body.as_bytes(), 0)).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        answer.problem(400, "malformed");
    }

    // Unknown types, members and orders are no mistakes: stored, once.
    let nothing = [
        (DEMO, json!({ "id": "evt_1", "type": "invoice.created", "data": { "x": [1] } })),
        (CARDS, json!({ "id": "evt_1", "type": "customer.created" })),
        (WALLET, json!({ "type": "ping" })),
        (DEMO, event(|event| event["id"] = json!("evt_2")).parse().expect("JSON")),
    ];
    for (provider, body) in nothing {
        let call = provider.call("evt_1", body.to_string().as_bytes(), 0);
        received(&shop.send(call.clone()).await, false);
        received(&shop.send(call).await, true);
    }
    let payment = shop.send(Call::get("/v1/payments/7").operator()).await.json(200);
    assert_eq!(payment["captured"], eur(5), "money before its order is stored: {payment}");
    shop.send(Call::get("/v1/payments/7").customer("ann")).await.problem(404, "not-found");
    shop.audit_is_green().await;
}

#[tokio::test]
async fn an_event_delivered_many_times_at_once_counts_once() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let event = captured("evt_1", text(&order, "id"), &order["total"]);
    let answers = join_all((0..32).map(|_| shop.deliver(&event))).await;
    let new = answers.iter().filter(|answer| answer.json(200)["duplicate"] == false);
    assert_eq!(new.count(), 1);
    shop.order_becomes(&order, "CONFIRMED").await;
    refund_of(&shop, &order, 1_000, 0).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn money_that_does_not_fit_the_order_goes_back_once() {
    let shop = Server::start().await;
    shop.stock_up("tea", 20).await;
    let usd = |amount: i64| json!({ "amount": amount, "currency": "USD" });
    // What comes, one after another; how the order ends; captured and refunded in euro cents.
    let rows: Vec<(&str, Vec<Value>, &str, i64, i64)> = vec![
        ("short", vec![eur(999)], "PENDING", 999, 0),
        ("in parts", vec![eur(400), eur(600)], "CONFIRMED", 1_000, 0),
        ("surplus", vec![eur(1_200)], "CONFIRMED", 1_200, 200),
        ("surplus in parts", vec![eur(999), eur(500)], "CONFIRMED", 1_499, 499),
        ("twice", vec![eur(1_000), eur(1_000)], "CONFIRMED", 2_000, 1_000),
        ("three times", vec![eur(1_000), eur(1_000), eur(1)], "CONFIRMED", 2_001, 1_001),
        ("another currency", vec![usd(1_000)], "PENDING", 0, 0),
        ("another currency first", vec![usd(5), eur(1_000)], "CONFIRMED", 1_000, 0),
    ];
    for (case, money, status, captured_sum, refunded_sum) in rows {
        let order = shop.place("ann", &[("tea", 1)]).await;
        let id = text(&order, "id");
        for (index, money) in money.iter().enumerate() {
            received(&shop.deliver(&captured(&format!("{id}-{index}"), id, money)).await, false);
        }
        let order = shop.order_becomes(&order, status).await;
        let order = refund_of(&shop, &order, captured_sum, refunded_sum).await;
        assert_eq!(order["status"], status, "{case}: {order}");
        let foreign = money.iter().find(|money| money["currency"] == "USD");
        if let Some(foreign) = foreign {
            eventually("the dollars went back", async || {
                let payment = shop.payment(&order).await;
                let back = payment["movements"]
                    .as_array()
                    .expect("movements")
                    .iter()
                    .any(|m| m["type"] == "payment.refunded" && m["amount"] == *foreign);
                if back { Ok(()) } else { Err(payment.to_string()) }
            })
            .await;
        }
    }
    shop.audit_is_green().await;
}

#[tokio::test]
async fn money_for_a_canceled_order_goes_back_once() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let cancel = async |order: &Value| {
        let path = format!("/v1/orders/{}/cancel", text(order, "id"));
        shop.send(Call::post(path).customer("ann")).await.json(202);
    };
    // Late, and late again.
    let order = shop.place("ann", &[("tea", 1)]).await;
    cancel(&order).await;
    let order = shop.order_becomes(&order, "CANCELED").await;
    shop.pay(&order).await;
    refund_of(&shop, &order, 1_000, 1_000).await;
    let again = captured("again", text(&order, "id"), &eur(300));
    received(&shop.deliver(&again).await, false);
    let order = refund_of(&shop, &order, 1_300, 1_300).await;
    assert_eq!(order["status"], "CANCELED");

    // A part, before it is canceled.
    let order = shop.place("ann", &[("tea", 1)]).await;
    let part = captured("part", text(&order, "id"), &eur(300));
    received(&shop.deliver(&part).await, false);
    shop.order_where(&order, "the part is noted", |order| order["captured"] == eur(300)).await;
    cancel(&order).await;
    let order = shop.order_becomes(&order, "CANCELED").await;
    refund_of(&shop, &order, 300, 300).await;

    // For stock that is not there.
    let order = shop.place("ann", &[("tea", 6)]).await;
    shop.pay(&order).await;
    let order = shop.order_becomes(&order, "CANCELED").await;
    refund_of(&shop, &order, 6_000, 6_000).await;
    shop.level_becomes("tea", [5, 0, 0]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn a_payment_that_failed_may_be_tried_again() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let mut failed = captured("failed", text(&order, "id"), &order["total"]);
    failed["type"] = json!("payment.failed");
    received(&shop.deliver(&failed).await, false);
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;
    // A failure that arrives after the success is no failure of the order.
    failed["id"] = json!("failed-late");
    received(&shop.deliver(&failed).await, false);
    shop.audit_is_green().await;
    let order = refund_of(&shop, &order, 1_000, 0).await;
    assert_eq!(order["status"], "CONFIRMED");
    let types = shop.event_types(&order).await;
    assert_eq!(types.iter().filter(|kind| *kind == "payment.failed").count(), 2, "{types:?}");
}
