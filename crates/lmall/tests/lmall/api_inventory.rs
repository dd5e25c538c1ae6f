//! Stock over HTTP.

use serde_json::{Value, json};

use crate::support::{Answer, Call, Server, text};

async fn change(shop: &Server, sku: &str, route: &str, body: &Value) -> Answer {
    shop.send(Call::post(format!("/v1/inventory/{sku}/{route}")).operator().json(body)).await
}

fn receipt(quantity: i64, reference: &str) -> Value {
    json!({ "quantity": quantity, "reference": reference })
}

fn adjustment(delta: i64, reference: &str) -> Value {
    json!({ "delta": delta, "reason": "count", "reference": reference })
}

fn level(sku: &str, [available, reserved, sold]: [i64; 3]) -> Value {
    json!({ "sku": sku, "available": available, "reserved": reserved, "sold": sold })
}

#[tokio::test]
async fn a_receipt_counts_once_for_its_reference() {
    let shop = Server::start().await;
    let rows = [
        ("tea", receipt(5, "r1"), [5, 0, 0]),
        ("tea", receipt(5, "r1"), [5, 0, 0]),
        ("tea", receipt(2, "r2"), [7, 0, 0]),
        ("oil", receipt(3, "r1"), [3, 0, 0]),
        ("tea", receipt(5, "r1"), [7, 0, 0]),
    ];
    for (sku, body, expected) in rows {
        let answer = change(&shop, sku, "receipts", &body).await.json(200);
        assert_eq!(answer, level(sku, expected), "{sku} {body}");
    }
    change(&shop, "tea", "receipts", &receipt(6, "r1")).await.problem(409, "reference-reused");
    let read = shop.send(Call::get("/v1/inventory/tea")).await.json(200);
    assert_eq!(read, level("tea", [7, 0, 0]));
    for unknown in ["never-received", "t%20ea", "%zz", "x".repeat(65).as_str()] {
        let call = Call::get(format!("/v1/inventory/{unknown}"));
        shop.send(call).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn an_adjustment_takes_only_what_is_available() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    let order = shop.place("ann", &[("tea", 4)]).await;
    let rows = [
        (adjustment(-7, "a1"), 409, "insufficient-stock", [6, 4, 0]),
        (adjustment(-6, "a2"), 200, "", [0, 4, 0]),
        (adjustment(-6, "a2"), 200, "", [0, 4, 0]),
        (adjustment(-5, "a2"), 409, "reference-reused", [0, 4, 0]),
        (adjustment(-1, "a3"), 409, "insufficient-stock", [0, 4, 0]),
        (adjustment(i64::MIN, "a4"), 409, "insufficient-stock", [0, 4, 0]),
        (adjustment(3, "a5"), 200, "", [3, 4, 0]),
        // Receipts and adjustments use the same names, and are not the same thing.
        (adjustment(10, "delivery-tea-10"), 409, "reference-reused", [3, 4, 0]),
    ];
    for (body, status, problem, expected) in rows {
        let answer = change(&shop, "tea", "adjustments", &body).await;
        if status == 200 {
            assert_eq!(answer.json(200), level("tea", expected), "{body}");
        } else {
            answer.problem(status, problem);
        }
        assert_eq!(shop.level("tea").await, expected, "{body}");
    }
    // What was refused may be tried again when there is more.
    let again = change(&shop, "tea", "adjustments", &adjustment(-1, "a3")).await;
    assert_eq!(again.json(200), level("tea", [2, 4, 0]));
    let none = change(&shop, "new", "adjustments", &adjustment(-1, "a1")).await;
    none.problem(409, "insufficient-stock");

    // The gate knows of it, too: two more can be sold, and not three.
    let too_many = shop.place("ann", &[("tea", 3)]).await;
    assert_eq!(text(&too_many, "stock"), "refused");
    let rest = shop.place("ann", &[("tea", 2)]).await;
    assert_eq!(text(&rest, "stock"), "held");
    shop.pay(&order).await;
    shop.level_becomes("tea", [0, 2, 4]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn what_an_operator_sends_is_checked() {
    let shop = Server::start().await;
    let long = "x".repeat(129);
    let rows: Vec<(&str, Value, &[&str])> = vec![
        ("receipts", receipt(0, "r"), &["/quantity"]),
        ("receipts", receipt(-1, "r"), &["/quantity"]),
        ("receipts", receipt(i64::MAX, "r"), &["/quantity"]),
        ("receipts", receipt(1, ""), &["/reference"]),
        ("receipts", receipt(1, &long), &["/reference"]),
        ("receipts", json!({ "quantity": 1 }), &["/reference"]),
        ("receipts", json!({ "reference": "r" }), &["/quantity"]),
        ("receipts", json!({ "quantity": 1.5, "reference": "r" }), &["/quantity"]),
        ("receipts", json!({ "quantity": 1, "reference": "r", "sku": "tea" }), &["/sku"]),
        ("adjustments", adjustment(0, "r"), &["/delta"]),
        ("adjustments", json!({ "delta": 1, "reference": "r" }), &["/reason"]),
        ("adjustments", json!({ "delta": 1, "reason": " ", "reference": "r" }), &["/reason"]),
        ("adjustments", json!({ "delta": 1, "reason": "a", "reference": "r", "x": 1 }), &["/x"]),
    ];
    for (route, body, pointers) in rows {
        let answer = change(&shop, "tea", route, &body).await;
        assert_eq!(answer.pointers(), pointers, "{route} {body}");
    }
    let body = receipt(1, "r");
    change(&shop, "t%20ea", "receipts", &body).await.problem(404, "not-found");
    shop.send(Call::get("/v1/inventory/tea")).await.problem(404, "not-found");
}
