//! The catalogue over HTTP.

use serde_json::{Value, json};

use crate::support::{Answer, Call, Server, eur, text};

async fn put(shop: &Server, sku: &str, body: &Value) -> Answer {
    shop.send(Call::put(format!("/v1/products/{sku}")).operator().json(body)).await
}

#[tokio::test]
async fn a_product_is_created_changed_and_shown_with_its_stock() {
    let shop = Server::start().await;
    let tea = |name: &str, price: i64, available: i64| json!({ "sku": "tea-01", "name": name, "price": eur(price), "available": available });
    let created = put(&shop, "tea-01", &json!({ "name": "Tea", "price": eur(5) })).await;
    assert_eq!(created.json(201), tea("Tea", 5, 0));
    assert_eq!(created.header("location"), "/v1/products/tea-01");
    shop.receive("tea-01", 3).await;
    let changed = put(&shop, "tea-01", &json!({ "name": "Green tea", "price": eur(6) })).await;
    assert_eq!(changed.json(200), tea("Green tea", 6, 3));
    shop.place("ann", &[("tea-01", 2)]).await;
    let shown = shop.send(Call::get("/v1/products/tea-01")).await.json(200);
    assert_eq!(shown, tea("Green tea", 6, 1));
    for unknown in ["unknown", "t%20ea", "%zz"] {
        let call = Call::get(format!("/v1/products/{unknown}"));
        shop.send(call).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn products_are_listed_by_sku_in_pages() {
    let shop = Server::start().await;
    for sku in ["c", "a", "e", "B", "d.1", "d"] {
        shop.product(sku, &eur(1)).await;
    }
    shop.receive("c", 9).await;
    let mut seen: Vec<String> = Vec::new();
    let mut query = "?limit=4".to_owned();
    loop {
        let page = shop.send(Call::get(format!("/v1/products{query}"))).await.json(200);
        for product in page["items"].as_array().expect("items") {
            let units = if text(product, "sku") == "c" { 9 } else { 0 };
            assert_eq!(product["available"], units, "{product}");
            seen.push(text(product, "sku").to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=4&cursor={cursor}");
    }
    assert_eq!(seen, ["B", "a", "c", "d", "d.1", "e"]);
    for (query, pointer) in
        [("limit=0", "/limit"), ("limit=101", "/limit"), ("cursor=!", "/cursor")]
    {
        let answer = shop.send(Call::get(format!("/v1/products?{query}"))).await;
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
}

#[tokio::test]
async fn a_product_that_cannot_be_sold_is_refused_with_the_place() {
    let shop = Server::start().await;
    let named = |name: String| json!({ "name": name, "price": eur(1) });
    let priced = |price: Value| json!({ "name": "Tea", "price": price });
    let rows: Vec<(Value, &[&str])> = vec![
        (named(String::new()), &["/name"]),
        (named(" ".into()), &["/name"]),
        (named("ü".repeat(201)), &["/name"]),
        (priced(eur(0)), &["/price/amount"]),
        (priced(eur(-1)), &["/price/amount"]),
        (priced(eur(10_000_000_001)), &["/price/amount"]),
        (priced(json!({ "amount": 19.99, "currency": "EUR" })), &["/price/amount"]),
        (priced(json!({ "amount": "1", "currency": "EUR" })), &["/price/amount"]),
        (priced(json!({ "amount": 1, "currency": "eur" })), &["/price/currency"]),
        (priced(json!({ "amount": 1, "currency": "ZZZ" })), &["/price/currency"]),
        (priced(json!({ "amount": 1 })), &["/price/currency"]),
        (priced(json!({ "amount": 1, "currency": "EUR", "tax": 1 })), &["/price/tax"]),
        (priced(json!(1)), &["/price"]),
        (json!({ "price": eur(1) }), &["/name"]),
        (json!({ "name": "Tea" }), &["/price"]),
        (json!({ "name": "Tea", "price": eur(1), "sku": "tea" }), &["/sku"]),
    ];
    for (body, pointers) in rows {
        assert_eq!(put(&shop, "tea", &body).await.pointers(), pointers, "{body}");
    }
    shop.send(Call::get("/v1/products/tea")).await.problem(404, "not-found");
    for (sku, status) in [("x".repeat(64), 201), ("x".repeat(65), 404), ("a%2Fb".into(), 404)] {
        assert_eq!(put(&shop, &sku, &named("ü".repeat(200))).await.status, status, "{sku}");
    }
    assert_eq!(put(&shop, "dear", &priced(eur(10_000_000_000))).await.status, 201);
    let dearest = shop.place("ann", &[("dear", 1_000)]).await;
    assert_eq!(dearest["total"], eur(10_000_000_000_000));
}
