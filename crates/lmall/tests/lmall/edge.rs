//! The gateway in front of all services of one process: `lmall serve --identity token`.

use serde_json::json;

use crate::support::{Call, Server, eur};

async fn behind_tokens(more: &[(&str, &str)]) -> Server {
    Server::start_with(&[&[("LMALL_IDENTITY", "token")], more].concat()).await
}

#[tokio::test]
async fn nobody_is_who_they_say_they_are() {
    let server = behind_tokens(&[]).await;
    server.stock_up("tea", 5).await;
    let order = Call::place("ann", &[("tea", 1)]);
    server.send(order.clone()).await.problem(401, "unauthenticated");
    server.send(order.header("X_Customer_Id", "ann")).await.problem(401, "unauthenticated");
    let forged = Call::get("/v1/orders").header("authorization", "Bearer e30.e30.e30");
    let answer = server.send(forged).await;
    answer.problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn what_needs_no_customer_goes_on_as_it_did() {
    let server = behind_tokens(&[]).await;
    server.stock_up("tea", 5).await;
    let product = server.send(Call::get("/v1/products/tea")).await;
    assert_eq!(product.json(200)["price"], eur(1_000));
    assert_eq!(product.header("ratelimit-limit"), "400");
    assert_eq!(product.header("referrer-policy"), "no-referrer");
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(server.send(Call::get(path)).await.status, 200, "{path}");
    }
    let metrics = server.send(Call::get("/metrics")).await.text();
    assert!(metrics.contains("lmall_gateway_requests_total{upstream=\"product\""), "{metrics}");
    assert!(metrics.contains("route=\"/v1/products/{sku}\",status=\"200\"} 1"), "{metrics}");
    let event = json!({ "id": "evt_1", "type": "payment.odd", "created": "2026-01-14T10:31:00Z",
        "data": { "order_id": "1", "payment_id": "pay_1", "amount": 1, "currency": "EUR" } });
    server.send(Call::demo_webhook(&event)).await.json(200);
    server.send(Call::get("/v1/nowhere")).await.problem(404, "not-found");
}

#[tokio::test]
async fn limits_hold_only_behind_the_gateway() {
    let limits = [("LMALL_LIMITS", "read.address=1/h:1")];
    let server = behind_tokens(&limits).await;
    let call = || Call::get("/v1/products");
    assert_eq!(server.send(call()).await.status, 200);
    server.send(call()).await.problem(429, "rate-limited");
    let direct = Server::start_with(&limits).await;
    for _ in 0..2 {
        let answer = direct.send(call()).await;
        assert_eq!((answer.status, answer.header("ratelimit-limit")), (200, ""));
    }
}
