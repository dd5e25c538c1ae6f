//! Orders over HTTP.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Call, Server, eur, text};

const SOMEBODY: &str = "somebody";

/// The members of an object, sorted.
fn members(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn moment(value: &Value, name: &str) -> Timestamp {
    let text = text(value, name);
    assert!(text.ends_with('Z'), "{name} is not in UTC: {text}");
    text.parse().expect("an RFC 3339 time")
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|order| text(order, "id").to_owned()).collect()
}

#[tokio::test]
async fn a_placed_order_is_what_the_contract_says() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    shop.product("oil", &eur(250)).await;
    shop.receive("oil", 10).await;

    let call = Call::place("ann", &[("tea", 1), ("oil", 2), ("tea", 2)]).wait(10);
    let answer = shop.send(call).await;
    let order = answer.json(201);
    assert_eq!(answer.header("location"), format!("/v1/orders/{}", text(&order, "id")));
    assert_eq!(answer.header("idempotent-replayed"), "");
    let mut expected = vec![
        "id",
        "status",
        "stock",
        "customer_id",
        "lines",
        "total",
        "captured",
        "refunded",
        "placed_at",
        "pay_by",
        "version",
    ];
    expected.sort_unstable();
    assert_eq!(members(&order), expected);
    assert!(text(&order, "id").parse::<u64>().is_ok_and(|id| id > 0), "{order}");
    assert_eq!((&order["status"], &order["stock"]), (&json!("PENDING"), &json!("held")));
    assert_eq!(order["customer_id"], "ann");
    let line = |sku: &str, quantity: i64, price: i64| {
        json!({
            "sku": sku, "name": format!("Product {sku}"), "quantity": quantity,
            "unit_price": eur(price), "line_total": eur(price * quantity),
        })
    };
    assert_eq!(order["lines"], json!([line("oil", 2, 250), line("tea", 3, 1_000)]));
    assert_eq!(order["total"], eur(3_500));
    assert_eq!((&order["captured"], &order["refunded"]), (&eur(0), &eur(0)));
    let to_pay = moment(&order, "pay_by").duration_since(moment(&order, "placed_at"));
    assert_eq!(to_pay.as_secs(), 900);
    assert!(order["version"].is_u64());

    assert_eq!(shop.order("ann", text(&order, "id")).await, order);
    shop.level_becomes("tea", [7, 3, 0]).await;
    shop.level_becomes("oil", [8, 2, 0]).await;
}

#[tokio::test]
async fn a_wait_is_over_when_the_stock_is_held_or_refused() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    shop.product("gone", &eur(1)).await;

    let began = Instant::now();
    let held = shop.place("ann", &[("tea", 5)]).await;
    assert_eq!(held["stock"], "held", "{held}");
    let refused = shop.place("ann", &[("tea", 1)]).await;
    let refused = [refused, shop.place("ann", &[("tea", 1), ("gone", 1)]).await];
    assert!(began.elapsed() < Duration::from_secs(9), "three waits: {:?}", began.elapsed());
    let cancel = Call::post(format!("/v1/orders/{}/cancel", text(&held, "id")));
    shop.send(cancel.customer("ann")).await.json(202);
    for order in refused {
        assert_eq!(order["stock"], "refused", "{order}");
        let order = shop.order_becomes(&order, "CANCELED").await;
        assert_eq!(order["cancel_reason"], "out_of_stock", "{order}");
    }
    shop.level_becomes("tea", [5, 0, 0]).await;

    // What is not understood is ignored, and so is more than the limit asked for.
    for preference in ["wait=0", "wait=soon", "respond-async", "wait=10000"] {
        let call = Call::place("ann", &[("tea", 1)]).header("prefer", preference);
        let order = shop.send(call).await.json(201);
        shop.order_where(&order, "stock is held", |order| order["stock"] == "held").await;
    }
}

#[tokio::test]
async fn a_long_poll_is_answered_when_the_status_changes_and_when_its_time_is_over() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let path = format!("/v1/orders/{}", text(&order, "id"));
    let poll = |seconds| shop.send(Call::get(&path).customer("ann").wait(seconds));

    let began = Instant::now();
    let in_vain = poll(1).await;
    assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
    assert_eq!(in_vain.json(200), order);

    let began = Instant::now();
    let (answer, ()) = tokio::join!(poll(10), shop.pay(&order));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_ne!(answer.json(200)["status"], "PENDING", "{}", answer.text());
    shop.order_becomes(&order, "CONFIRMED").await;
}

#[tokio::test]
async fn a_key_repeats_the_first_answer_to_its_customer_only() {
    let shop = Server::start().await;
    shop.stock_up("tea", 50).await;
    let call = |customer, units, key: &str| {
        Call::place(customer, &[("tea", units)]).header("idempotency-key", key)
    };
    let first = shop.send(call("ann", 1, "k")).await;
    let order = first.json(201);
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;

    let again = shop.send(call("ann", 1, "k")).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.json(201), order, "the first answer, not the order as it is now");
    let waiting = shop.send(call("ann", 1, "k").wait(10)).await;
    assert_eq!(waiting.json(201), order);
    shop.send(call("ann", 2, "k")).await.problem(422, "idempotency-key-reused");
    let others = shop.send(call("bob", 1, "k")).await;
    assert_eq!(others.header("idempotent-replayed"), "");
    assert_ne!(others.json(201)["id"], order["id"]);

    for (key, status) in [("k".repeat(255), 201), ("k".repeat(256), 400), (String::new(), 400)] {
        let answer = shop.send(call("cid", 1, &key)).await;
        assert_eq!(answer.status, status, "{} characters: {}", key.len(), answer.text());
    }
    let twice = call("cid", 1, "a").header("idempotency-key", "a");
    shop.send(twice).await.problem(400, "invalid-idempotency-key");
}

#[tokio::test]
async fn a_key_sent_many_times_at_once_makes_one_order() {
    let shop = Server::start().await;
    shop.stock_up("tea", 50).await;
    let call = Call::place("ann", &[("tea", 1)]).header("idempotency-key", "k");
    let answers = join_all((0..32).map(|_| shop.send(call.clone()))).await;
    let mut ids: Vec<_> =
        answers.iter().map(|answer| text(&answer.json(201), "id").to_owned()).collect();
    let first = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty());
    assert_eq!(first.count(), 1);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    shop.level_becomes("tea", [49, 1, 0]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn a_body_that_is_no_order_is_refused_with_the_place() {
    let shop = Server::start().await;
    for sku in ["tea", "oil"] {
        shop.product(sku, &eur(1_000)).await;
    }
    shop.product("yen", &json!({ "amount": 5, "currency": "JPY" })).await;
    let lines = |count: usize, quantity: i64| {
        let line = json!({ "sku": "tea", "quantity": quantity });
        json!({ "lines": vec![line; count] }).to_string()
    };
    let line = |line: &str| format!(r#"{{"lines":[{{"sku":"oil","quantity":1}},{line}]}}"#);
    let rows: Vec<(String, &[&str])> = vec![
        ("{}".into(), &["/lines"]),
        (r#"{"lines":{}}"#.into(), &["/lines"]),
        (r#"{"lines":[],"note":1}"#.into(), &["/note"]),
        (lines(0, 1), &["/lines"]),
        (lines(41, 1), &["/lines"]),
        (lines(1, 0), &["/lines/0/quantity"]),
        (lines(1, -1), &["/lines/0/quantity"]),
        (lines(1, 1_001), &["/lines/0/quantity"]),
        (lines(2, 501), &["/lines/1/quantity"]),
        (lines(2, 0), &["/lines/0/quantity", "/lines/1/quantity"]),
        (line(r#"{"sku":"tea","quantity":1.5}"#), &["/lines/1/quantity"]),
        (line(r#"{"sku":"tea","quantity":"1"}"#), &["/lines/1/quantity"]),
        (line(r#"{"sku":"tea","quantity":99999999999999999999}"#), &["/lines/1/quantity"]),
        (line(r#"{"sku":"tea"}"#), &["/lines/1/quantity"]),
        (line(r#"{"quantity":1}"#), &["/lines/1/sku"]),
        (line(r#"{"sku":"tea","quantity":1,"price":1}"#), &["/lines/1/price"]),
        (line(r#"{"sku":"tea","quantity":1,"sku":"oil"}"#), &["/lines/1/sku"]),
        (line(r#"{"sku":"","quantity":1}"#), &["/lines/1/sku"]),
        (line(r#"{"sku":"t e a","quantity":1}"#), &["/lines/1/sku"]),
        (line(r#"{"sku":"unknown","quantity":1}"#), &["/lines/1/sku"]),
        (line(r#"{"sku":"yen","quantity":1}"#), &["/lines/1/sku"]),
        (line("null"), &["/lines/1"]),
        ("[]".into(), &[""]),
        ("null".into(), &[""]),
    ];
    for (body, pointers) in rows {
        let answer = shop.send(Call::post("/v1/orders").customer("ann").json_text(body.clone()));
        assert_eq!(answer.await.pointers(), pointers, "{body}");
    }
    for body in [lines(40, 25), lines(1, 1_000)] {
        shop.send(Call::post("/v1/orders").customer("ann").json_text(body)).await.json(201);
    }
    let rows: [(Option<&str>, &[u8], u16, &str); 7] = [
        (Some("application/json"), b"", 400, "malformed"),
        (Some("application/json"), br#"{"lines":["#, 400, "malformed"),
        (Some("application/json"), b"{\"lines\":[]} x", 400, "malformed"),
        (Some("application/json"), b"{\"note\":\"\xff\"}", 400, "malformed"),
        (Some("text/plain"), br#"{"lines":[]}"#, 415, "unsupported-media-type"),
        (Some("application/json; charset=latin1"), b"{}", 415, "unsupported-media-type"),
        (None, br#"{"lines":[]}"#, 415, "unsupported-media-type"),
    ];
    for (kind, body, status, problem) in rows {
        let call = Call::post("/v1/orders").customer("ann").body(body.to_vec());
        let call = kind.into_iter().fold(call, |call, kind| call.header("content-type", kind));
        shop.send(call).await.problem(status, problem);
    }
}

#[tokio::test]
async fn an_order_exists_for_its_customer_only() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let routes = |id: &str| {
        [
            Call::get(format!("/v1/orders/{id}")),
            Call::get(format!("/v1/orders/{id}/events")),
            Call::post(format!("/v1/orders/{id}/cancel")),
            Call::get(format!("/v1/payments/{id}")),
        ]
    };
    for call in routes(text(&order, "id")) {
        let others = shop.send(call.clone().customer(SOMEBODY)).await;
        let others = others.problem(404, "not-found");
        assert!(others.get("detail").is_none(), "a hint that it exists: {others}");
        shop.send(call.clone()).await.problem(401, "unauthenticated");
        shop.send(call.clone().customer("")).await.problem(401, "unauthenticated");
        shop.send(call.customer("ann").customer(SOMEBODY)).await.problem(401, "unauthenticated");
    }
    for id in ["7", "0", "07", "x", "-1", "1.0", "99999999999999999999", "%00", "%zz"] {
        for call in routes(id) {
            shop.send(call.customer("ann")).await.problem(404, "not-found");
        }
    }
    for call in [Call::get("/v1/orders"), Call::post("/v1/orders").json(&json!({}))] {
        shop.send(call).await.problem(401, "unauthenticated");
    }
    assert_eq!(shop.order("ann", text(&order, "id")).await["status"], "PENDING");
}

#[tokio::test]
async fn orders_are_listed_newest_first_in_pages_that_stand_still() {
    let shop = Server::start().await;
    shop.stock_up("tea", 100).await;
    let mut placed = Vec::new();
    for _ in 0..5 {
        let order = shop.send(Call::place("ann", &[("tea", 1)])).await.json(201);
        placed.insert(0, text(&order, "id").to_owned());
    }
    shop.place("bob", &[("tea", 1)]).await;
    let list = |customer: &'static str, query: String| {
        shop.send(Call::get(format!("/v1/orders{query}")).customer(customer))
    };

    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = list("ann", query).await.json(200);
        assert_eq!(members(&page), ["items", "next_cursor"]);
        seen.extend(ids(&page));
        // A newer order does not move the pages that follow.
        shop.place("ann", &[("tea", 1)]).await;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, placed);
    assert_eq!(list("ann", String::new()).await.json(200)["items"][7]["id"], placed[4].as_str());
    assert_eq!(
        list(SOMEBODY, String::new()).await.json(200),
        json!({ "items": [], "next_cursor": null })
    );

    let products = shop.send(Call::get("/v1/products?limit=1")).await.json(200);
    assert!(products["next_cursor"].is_null(), "{products}");
    let rows = [
        ("?limit=0", "/limit"),
        ("?limit=101", "/limit"),
        ("?limit=-1", "/limit"),
        ("?limit=x", "/limit"),
        ("?limit=", "/limit"),
        ("?cursor=nonsense", "/cursor"),
        ("?cursor=", "/cursor"),
        ("?cursor=dGVh", "/cursor"),
        ("?status=PENDING", "/status"),
    ];
    for (query, pointer) in rows {
        assert_eq!(list("ann", query.to_owned()).await.pointers(), [pointer], "{query}");
    }
    list("ann", "?cursor=%ff".to_owned()).await.problem(400, "malformed");
    assert_eq!(ids(&list("ann", "?limit=100".to_owned()).await.json(200)).len(), 8);
}

#[tokio::test]
async fn a_pending_order_can_be_canceled_and_a_confirmed_one_cannot() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let cancel = |order: &Value| {
        let path = format!("/v1/orders/{}/cancel", text(order, "id"));
        shop.send(Call::post(path).customer("ann"))
    };
    let order = shop.place("ann", &[("tea", 2)]).await;
    let answer = cancel(&order).await.json(202);
    assert!(["CANCELING", "CANCELED"].contains(&text(&answer, "status")), "{answer}");
    assert_eq!(cancel(&order).await.json(202)["id"], order["id"]);
    let order = shop.order_becomes(&order, "CANCELED").await;
    assert_eq!((text(&order, "stock"), text(&order, "cancel_reason")), ("released", "customer"));
    let again = cancel(&order).await.json(202);
    assert_eq!(again, order, "canceling what is canceled changes nothing");
    shop.level_becomes("tea", [5, 0, 0]).await;
    assert_eq!(
        shop.event_types(&order).await,
        [
            "order.created",
            "inventory.reserved",
            "order.cancel.requested",
            "inventory.released",
            "order.canceled",
        ]
    );

    let order = shop.place("ann", &[("tea", 2)]).await;
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;
    cancel(&order).await.problem(409, "not-cancelable");
    shop.level_becomes("tea", [3, 0, 2]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn the_trail_of_a_confirmed_order_tells_its_story_in_order() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 2)]).await;
    shop.pay(&order).await;
    let order = shop.order_where(&order, "its stock is sold", |order| order["stock"] == "sold");
    let order = order.await;
    assert_eq!((&order["status"], &order["captured"]), (&json!("CONFIRMED"), &order["total"]));

    let id = text(&order, "id");
    let events = shop.events(&order).await;
    let expected = [
        ("order.created", format!("{id}-order-1")),
        ("inventory.reserved", format!("{id}-inventory-1")),
        ("payment.captured", format!("{id}-payment-1")),
        ("order.confirmed", format!("{id}-order-2")),
        ("inventory.confirmed", format!("{id}-inventory-2")),
    ];
    assert_eq!(events.len(), expected.len(), "{events:#?}");
    for (event, (event_type, event_id)) in events.iter().zip(expected) {
        assert_eq!(text(event, "event_type"), event_type);
        assert_eq!(text(event, "event_id"), event_id);
        assert_eq!(text(event, "aggregate_id"), id);
        assert_eq!(text(event, "schema_version"), "1.0");
        assert_eq!(event.as_object().expect("an object").len(), 6, "{event}");
        assert!(event["payload"].is_object(), "{event}");
        moment(event, "occurred_at");
    }
    let created = &events[0]["payload"];
    assert_eq!(created["lines"], json!([{ "sku": "tea", "quantity": 2 }]));
    assert_eq!((&created["total"], &created["pay_by"]), (&order["total"], &order["pay_by"]));
    let captured = &events[2]["payload"];
    assert_eq!((text(captured, "provider"), &captured["amount"]), ("demo", &order["total"]));
}

#[tokio::test]
async fn a_placed_order_keeps_its_price() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    shop.product("tea", &json!({ "amount": 7, "currency": "USD" })).await;
    let later = shop.place("ann", &[("tea", 2)]).await;
    assert_eq!(later["total"], json!({ "amount": 14, "currency": "USD" }));
    assert_eq!(shop.order("ann", text(&order, "id")).await["lines"], order["lines"]);
    for order in [order, later] {
        shop.pay(&order).await;
        shop.order_becomes(&order, "CONFIRMED").await;
    }
}

#[tokio::test]
async fn money_that_overtakes_the_stock_confirms_the_order_all_the_same() {
    let shop = Server::start().await;
    shop.stock_up("tea", 40).await;
    let orders = join_all((0..40).map(async |_| {
        let order = shop.send(Call::place("ann", &[("tea", 1)])).await.json(201);
        shop.pay(&order).await;
        order
    }));
    for order in orders.await {
        let order = shop.order_becomes(&order, "CONFIRMED").await;
        assert_eq!(order["refunded"], eur(0), "{order}");
    }
    shop.level_becomes("tea", [0, 0, 40]).await;
    shop.audit_is_green().await;
}
