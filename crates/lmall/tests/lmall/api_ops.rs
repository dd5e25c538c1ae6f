//! Operations over HTTP.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Answer, Call, Server, eventually, temp_dir, text};

async fn dead_letters(shop: &Server, query: &str) -> Answer {
    shop.send(Call::get(format!("/v1/ops/dead-letters{query}")).operator()).await
}

async fn replay(shop: &Server, body: &Value) -> Answer {
    shop.send(Call::post("/v1/ops/dead-letters/replay").operator().json(body)).await
}

fn count(page: &Value) -> usize {
    page["items"].as_array().expect("items").len()
}

#[tokio::test]
async fn operator_routes_want_the_one_token() {
    let shop = Server::start().await;
    let body = json!({ "name": "Tea", "price": { "amount": 1, "currency": "EUR" } });
    let routes = [
        Call::get("/v1/ops/summary"),
        Call::get("/v1/ops/dead-letters"),
        Call::post("/v1/ops/dead-letters/replay").json(&json!({ "dry_run": true })),
        Call::post("/v1/ops/audit"),
        Call::put("/v1/products/tea").json(&body),
        Call::post("/v1/inventory/tea/receipts").json(&json!({ "quantity": 1, "reference": "r" })),
        Call::post("/v1/inventory/tea/adjustments")
            .json(&json!({ "delta": 1, "reason": "a", "reference": "a" })),
    ];
    for call in routes {
        let token = |token: &str| call.clone().header("x-operator-token", token);
        shop.send(call.clone()).await.problem(401, "unauthenticated");
        shop.send(call.clone().customer("ann")).await.problem(401, "unauthenticated");
        shop.send(token("operator-token-of-the-testS")).await.problem(403, "forbidden");
        shop.send(token("")).await.problem(403, "forbidden");
        shop.send(token("x").operator()).await.problem(403, "forbidden");
        let answer = shop.send(call.clone().operator()).await;
        assert!(matches!(answer.status, 200 | 201), "{call:?}: {}", answer.text());
    }
    // Who may do nothing learns nothing: the token is looked at before the body.
    let call = Call::post("/v1/ops/dead-letters/replay").json_text("{");
    shop.send(call).await.problem(401, "unauthenticated");
    shop.send(Call::get("/v1/payments/7").header("x-operator-token", "x").customer("ann"))
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn the_summary_and_the_audit_say_how_the_shop_is() {
    let shop = Server::start().await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    shop.place("ann", &[("tea", 9)]).await;
    shop.place("ann", &[("tea", 1)]).await;
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;
    shop.audit_is_green().await;

    let summary = shop.send(Call::get("/v1/ops/summary").operator()).await.json(200);
    let by_status = &summary["orders"];
    for (status, expected) in [("PENDING", 1), ("CONFIRMED", 1), ("CANCELED", 1)] {
        assert_eq!(by_status[status], expected, "{summary:#}");
    }
    assert_eq!(summary["outbox"], json!({ "pending": 0, "oldest_age_s": null }));
    assert_eq!((&summary["dead_letters"], &summary["parked"]), (&json!(0), &json!(0)));
    let queues = summary["queues"].as_array().expect("queues");
    let names: Vec<_> = queues.iter().map(|queue| text(queue, "queue")).collect();
    let fifo = ["order", "inventory", "payment", "product", "customer"];
    let fifo = fifo.map(|name| format!("lmall-{name}.fifo"));
    assert!(fifo.iter().all(|name| names.contains(&name.as_str())), "{names:?}");
    assert!(names.contains(&"lmall-analytics") && names.len() == 6, "{names:?}");

    let audit = shop.send(Call::post("/v1/ops/audit").operator()).await.json(200);
    let checks = audit["checks"].as_array().expect("checks");
    let names: Vec<_> = checks.iter().map(|check| text(check, "invariant")).collect();
    assert_eq!(names, ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8"]);
    for check in checks {
        assert_eq!((&check["ok"], &check["violations"]), (&json!(true), &json!([])), "{check}");
        assert!(!text(check, "title").is_empty());
    }
    let checked = |index: usize| checks[index]["checked"].as_u64().expect("a number");
    assert!(checked(1) >= 3 && checked(4) > 0 && checked(7) >= 1, "{audit:#}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_ends_as_a_dead_letter_that_can_be_replayed() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.stock_up("tea", 5).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let id = text(&order, "id").to_owned();
    shop.audit_is_green().await;
    shop.signal(rustix::process::Signal::TERM);
    shop.ends_well().await;
    // Nothing that is sent through the front door is unreadable: this is what a bug would leave.
    let file = Connection::open(data.path().join("lmall.db")).expect("the data file");
    file.execute(
        "INSERT INTO message (queue, receive_count, replays, grp, dedup_id, event_type, body)
         VALUES (1, 0, 0, ?1, 'poison', 'payment.captured', '{\"event_type\":5}')",
        [&id],
    )
    .expect("a row");
    file.close().expect("a closed file");

    let shop = Server::start_on(data.path(), &[]).await;
    let there = async |replays: i64| {
        eventually("there is a dead letter", async || {
            let page = dead_letters(&shop, "").await.json(200);
            let letter = &page["items"][0];
            if letter["replays"] == replays { Ok(letter.clone()) } else { Err(page.to_string()) }
        })
        .await
    };
    let letter = there(0).await;
    assert_eq!(text(&letter, "queue"), "lmall-order.fifo");
    assert_eq!(
        (text(&letter, "order_id"), text(&letter, "event_type")),
        (&*id, "payment.captured")
    );
    assert!(!text(&letter, "cause").is_empty() && letter["parked"] == false, "{letter}");
    assert_eq!(letter["receive_count"], 1, "what can never succeed is not tried again");
    let summary = shop.send(Call::get("/v1/ops/summary").operator()).await.json(200);
    assert_eq!(summary["dead_letters"], 1, "{summary:#}");

    // The group goes on without it.
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;

    let filters = [
        (json!({ "queue": "lmall-order.fifo" }), 1),
        (json!({ "queue": "lmall-payment.fifo" }), 0),
        (json!({ "event_type": "payment.captured", "order_id": id }), 1),
        (json!({ "event_type": "order.created" }), 0),
        (json!({ "order_id": "7" }), 0),
    ];
    for (filter, matched) in filters {
        let mut body = filter.clone();
        body["dry_run"] = json!(true);
        let answer = replay(&shop, &body).await.json(200);
        assert_eq!(answer, json!({ "matched": matched, "replayed": 0, "dry_run": true }));
        let named = filter.as_object().expect("an object").iter();
        let query: Vec<_> = named
            .map(|(name, value)| format!("{name}={}", value.as_str().expect("text")))
            .collect();
        let page = dead_letters(&shop, &format!("?{}", query.join("&"))).await.json(200);
        assert_eq!(count(&page), matched, "{filter}");
    }
    let answer = replay(&shop, &json!({ "order_id": id })).await.json(200);
    assert_eq!(answer, json!({ "matched": 1, "replayed": 1, "dry_run": false }));
    there(1).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn filters_of_dead_letters_are_checked() {
    let shop = Server::start().await;
    let empty = json!({ "items": [], "next_cursor": null });
    assert_eq!(dead_letters(&shop, "").await.json(200), empty);
    let rows = [
        ("?queue=lmall", "/queue"),
        ("?limit=0", "/limit"),
        ("?limit=101", "/limit"),
        ("?cursor=!", "/cursor"),
        ("?kind=x", "/kind"),
    ];
    for (query, pointer) in rows {
        assert_eq!(dead_letters(&shop, query).await.pointers(), [pointer], "{query}");
    }
    let rows = [
        (json!({ "queue": "lmall" }), "/queue"),
        (json!({ "dry_run": 1 }), "/dry_run"),
        (json!({ "dryrun": true }), "/dryrun"),
    ];
    for (body, pointer) in rows {
        assert_eq!(replay(&shop, &body).await.pointers(), [pointer], "{body}");
    }
    let nothing = json!({ "matched": 0, "replayed": 0, "dry_run": false });
    assert_eq!(replay(&shop, &json!({})).await.json(200), nothing);
}
