//! The id generator in the whole shop: whose ids they are, and who may have them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Call, Server, temp_dir, text};

const KEYS: (&str, &str) = ("LMALL_PUBLIC_ID_KEYS", "a:000102030405060708090a0b0c0d0e0f");

fn ids(drawn: &Value) -> Vec<u64> {
    let list = drawn["ids"].as_array().expect("ids");
    list.iter().map(|id| id.as_str().and_then(|id| id.parse().ok()).expect("digits")).collect()
}

#[tokio::test]
async fn ids_are_of_the_lease_that_orders_are_made_under() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.stock_up("tea", 5).await;
    let mut made = BTreeSet::new();
    for _ in 0..5 {
        let drawn = shop.send(Call::get("/v1/ids?count=1000").operator()).await.json(200);
        assert_eq!(drawn["kind"], "snowflake");
        made.extend(ids(&drawn));
        let order = shop.place("ann", &[("tea", 1)]).await;
        made.insert(text(&order, "id").parse().expect("digits"));
    }
    assert_eq!(made.len(), 5_005, "an id was given twice");
    shop.send(Call::get("/v1/ids")).await.problem(401, "unauthenticated");
    shop.send(Call::get("/v1/ids").customer("ann")).await.problem(401, "unauthenticated");
    let none = shop.send(Call::get("/v1/ids/public/a").operator()).await;
    none.problem(404, "not-found");
    let metrics = shop.send(Call::get("/metrics")).await;
    assert!(metrics.text().contains("lmall_ids_machine 0"), "{}", metrics.text());
}

#[tokio::test]
async fn public_ids_are_read_after_a_restart() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[KEYS]).await;
    let name = Call::post("/v1/ids/public").operator().json(&json!({ "ids": ["7212345678901"] }));
    let names = shop.send(name).await.json(200);
    assert_eq!(names, json!({ "public_ids": ["a1ytdy2a738w997ne32y3yvy0f8"] }));
    shop.kill();
    let shop = Server::start_on(data.path(), &[KEYS]).await;
    let read = Call::get("/v1/ids/public/A1YTDY2A738W997NE32Y3YVY0F8").operator();
    assert_eq!(shop.send(read).await.json(200), json!({ "id": "7212345678901" }));
    assert!(!shop.printed().iter().any(|line| line.contains("000102")), "{:?}", shop.printed());
}
