//! Prices, quotes, search, reviews and recommendations over HTTP.

use serde_json::{Value, json};

use crate::support::{Answer, Call, Server, eur, eventually, text};

fn usd(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

async fn put(shop: &Server, path: &str, body: &Value) -> Answer {
    shop.send(Call::put(path).operator().json(body)).await
}

async fn quote(shop: &Server, body: &Value) -> Answer {
    shop.send(Call::post("/v1/quotes").json(body)).await
}

/// The SKUs of a list.
fn skus(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list of products");
    items.iter().map(|product| text(product, "sku")).collect()
}

/// An order of these SKUs, confirmed.
async fn buy(shop: &Server, customer: &str, lines: &[(&str, i64)]) -> Value {
    let order = shop.place(customer, lines).await;
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await
}

#[tokio::test]
async fn a_quote_says_why_and_an_order_at_once_costs_the_same() {
    let shop = Server::start().await;
    shop.stock_up("tea", 100).await;
    let pricing = json!({
        "price": eur(1_000),
        "prices": [
            { "price": eur(900), "from": "2026-01-01T00:00:00.000Z" },
            { "price": eur(1), "from": "9000-01-01T00:00:00.000Z" },
            { "price": usd(1_200), "from": "2026-01-01T00:00:00.000Z" },
        ],
        "rules": [
            { "id": "many", "priority": 10, "exclusive": false, "steps": [
                { "min_quantity": 10, "off": { "basis_points": 1_000 } },
            ] },
            { "id": "club", "priority": 20, "exclusive": false, "steps": [
                { "min_quantity": 1, "off": { "amount": eur(15) } },
            ] },
            { "id": "over", "priority": 1, "exclusive": true,
                "until": "2026-01-01T00:00:00.000Z", "steps": [
                { "min_quantity": 1, "off": { "basis_points": 9_999 } },
            ] },
        ],
    });
    let set = put(&shop, "/v1/products/tea/pricing", &pricing).await;
    assert_eq!(set.json(200), pricing);
    // At once: whoever was answered can order by it.
    let order = shop.place("ann", &[("tea", 10)]).await;
    assert_eq!(order["lines"][0]["unit_price"], eur(795));
    let read = shop.send(Call::get("/v1/products/tea/pricing").operator()).await;
    assert_eq!(read.json(200), pricing);

    let quoted = quote(&shop, &json!({ "lines": [{ "sku": "tea", "quantity": 10 }] })).await;
    let quoted = quoted.json(200);
    assert_eq!(quoted["total"], order["total"]);
    let line = &quoted["lines"][0];
    let from = "2026-01-01T00:00:00.000Z";
    assert_eq!(line["list_price"], json!({ "price": eur(900), "from": from }));
    let rules = json!([{ "id": "many", "off": eur(90) }, { "id": "club", "off": eur(15) }]);
    assert_eq!((&line["rules"], &line["unit_price"]), (&rules, &eur(795)));
    let product = shop.send(Call::get("/v1/products/tea")).await.json(200);
    assert_eq!((&product["price"], &product["list_price"]), (&eur(885), &eur(900)));

    let in_usd = json!({ "lines": [{ "sku": "tea", "quantity": 2 }], "currency": "USD" });
    assert_eq!(quote(&shop, &in_usd).await.json(200)["total"], usd(2_400));
    let placed = shop.send(Call::post("/v1/orders").customer("ann").json(&in_usd)).await;
    assert_eq!(placed.json(201)["total"], usd(2_400));
    let in_yen = json!({ "lines": [{ "sku": "tea", "quantity": 2 }], "currency": "JPY" });
    for refused in [
        quote(&shop, &in_yen).await,
        shop.send(Call::post("/v1/orders").customer("ann").json(&in_yen)).await,
    ] {
        assert_eq!(refused.pointers(), ["/lines/0/sku"]);
    }
    let changed = put(&shop, "/v1/products/tea", &json!({ "name": "Tea", "price": eur(7) })).await;
    assert_eq!(changed.json(200)["price"], eur(1), "the club takes off 15, and something is left");
}

#[tokio::test]
async fn pricing_that_nobody_could_sell_by_is_refused_with_the_place() {
    let shop = Server::start().await;
    let fixed = json!({ "price": eur(1) });
    put(&shop, "/v1/products/tea/pricing", &fixed).await.problem(404, "not-found");
    shop.product("tea", &eur(1)).await;
    let from = "2026-01-01T00:00:00.000Z";
    let priced = |prices: Value| json!({ "price": eur(1), "prices": prices });
    let ruled = |steps: Value| json!({ "price": eur(1), "rules": [{ "id": "a", "priority": 1, "steps": steps }] });
    for (body, pointer) in [
        (json!({ "price": eur(0) }), "/price/amount"),
        (priced(json!([{ "price": eur(0), "from": from }])), "/prices/0/price/amount"),
        (priced(json!([{ "price": eur(1), "from": "today" }])), "/prices/0/from"),
        (priced(json!([{ "price": eur(1), "from": from, "until": from }])), "/prices/0/until"),
        (
            priced(json!([{ "price": eur(1), "from": from }, { "price": eur(2), "from": from }])),
            "/prices/1/from",
        ),
        (ruled(json!([])), "/rules/0/steps"),
        (
            ruled(json!([{ "min_quantity": 1, "off": { "basis_points": 10_000 } }])),
            "/rules/0/steps",
        ),
        (json!({ "price": eur(1), "rules": [], "tax": 1 }), "/tax"),
    ] {
        let answer = put(&shop, "/v1/products/tea/pricing", &body).await;
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let read = shop.send(Call::get("/v1/products/tea/pricing").operator()).await.json(200);
    assert_eq!(read, json!({ "price": eur(1), "prices": [], "rules": [] }));
}

#[tokio::test]
async fn products_are_found_by_text_and_category_soon_after_they_are_put() {
    let shop = Server::start().await;
    let named = |name: &str| json!({ "name": name });
    put(&shop, "/v1/categories/food/tea", &named("Tea")).await.problem(409, "no-parent");
    for (path, name, status) in
        [("food", "Food", 201), ("food/tea", "Te", 201), ("food/tea", "Tea", 200)]
    {
        let answer = put(&shop, &format!("/v1/categories/{path}"), &named(name)).await;
        assert_eq!(answer.json(status), json!({ "path": path, "name": name }));
    }
    let listed = shop.send(Call::get("/v1/categories")).await.json(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));

    let product = |name: &str, categories: &[&str]| json!({ "name": name, "price": eur(5), "description": "From Shizuoka.", "categories": categories });
    let unknown = put(&shop, "/v1/products/tea-01", &product("Sencha", &["food", "toys"])).await;
    assert_eq!(unknown.pointers(), ["/categories/1"]);
    put(&shop, "/v1/products/tea-01", &product("Sencha", &["food/tea"])).await.json(201);
    put(&shop, "/v1/products/pot-01", &product("Pot for sencha", &[])).await.json(201);
    let found = async |query: &str, expected: &[&str]| {
        eventually(&format!("`{query}` finds {expected:?}"), async || {
            let page = shop.send(Call::get(format!("/v1/search?{query}"))).await.json(200);
            if skus(&page) == expected { Ok(()) } else { Err(page.to_string()) }
        })
        .await;
    };
    found("q=sencha", &["tea-01", "pot-01"]).await;
    found("q=sencah", &["pot-01", "tea-01"]).await;
    found("q=sencha&category=food", &["tea-01"]).await;
    found("q=coffee", &[]).await;
    let first = shop.send(Call::get("/v1/search?q=sencha&limit=1")).await.json(200);
    let next = format!("/v1/search?q=sencha&limit=1&cursor={}", text(&first, "next_cursor"));
    let second = shop.send(Call::get(next)).await.json(200);
    assert_eq!((skus(&second), &second["next_cursor"]), (vec!["pot-01"], &Value::Null));
    // What is not said of a product stays as it was.
    put(&shop, "/v1/products/tea-01", &json!({ "name": "Gyokuro", "price": eur(5) }))
        .await
        .json(200);
    found("q=gyokuro&category=food/tea", &["tea-01"]).await;
}

#[tokio::test]
async fn only_who_has_bought_a_product_may_review_it_once() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    let say = async |customer: &str, stars: i64| {
        let body = json!({ "rating": stars, "author": "A. Tester", "text": "Good." });
        shop.send(Call::post("/v1/products/tea/reviews").customer(customer).json(&body)).await
    };
    let open = shop.place("ann", &[("tea", 1)]).await;
    say("ann", 5).await.problem(403, "not-bought");
    shop.pay(&open).await;
    shop.order_becomes(&open, "CONFIRMED").await;
    let first = eventually("the purchase is known", async || {
        let answer = say("ann", 2).await;
        if answer.status == 201 { Ok(answer.json(201)) } else { Err(answer.text()) }
    })
    .await;
    assert_eq!((&first["rating"], first.get("customer_id")), (&json!(2), None));
    say("ann", 4).await.json(200);
    say("ben", 1).await.problem(403, "not-bought");
    let listed = shop.send(Call::get("/v1/products/tea/reviews")).await;
    assert!(!listed.text().contains("ann"), "{}", listed.text());
    let listed = listed.json(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let stars = json!({ "one": 0, "two": 0, "three": 0, "four": 1, "five": 0 });
    assert_eq!(listed["stars"], stars);
    shop.send(Call::get("/v1/products/none/reviews")).await.problem(404, "not-found");
    shop.audit_is_green().await;
}

#[tokio::test]
async fn what_is_bought_together_is_recommended() {
    let shop = Server::start().await;
    for sku in ["cup", "pot", "tea"] {
        shop.stock_up(sku, 10).await;
    }
    buy(&shop, "ann", &[("tea", 1), ("cup", 2)]).await;
    buy(&shop, "ben", &[("tea", 1), ("cup", 1), ("pot", 1)]).await;
    buy(&shop, "ben", &[("tea", 1)]).await;
    // The audit waits until every event has had its effect.
    shop.audit_is_green().await;
    let with = async |sku: &str, query: &str| {
        let path = format!("/v1/products/{sku}/recommendations{query}");
        shop.send(Call::get(path)).await.json(200)
    };
    assert_eq!(skus(&with("tea", "").await), ["cup", "pot"]);
    assert_eq!(skus(&with("pot", "?limit=1").await), ["cup"]);
    let none = shop.send(Call::get("/v1/products/none/recommendations")).await;
    none.problem(404, "not-found");
}
