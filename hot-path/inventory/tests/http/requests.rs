//! What is answered to requests before a use case is reached, and when it fails.

use http::{Request, request::Builder};
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals, json};

use crate::support::router;

fn by_operator(path: &str) -> Builder {
    json(Request::post(path).header("x-operator-token", OPERATOR_TOKEN))
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused_where_it_is_wrong() {
    let receipt = |body, pointer| {
        (by_operator("/v1/inventory/tea/receipts"), body, 422, "validation", pointer)
    };
    let adjustment = |body, pointer| {
        (by_operator("/v1/inventory/tea/adjustments"), body, 422, "validation", pointer)
    };
    check_refusals(
        &router(),
        vec![
            receipt(r#"{"quantity":0,"reference":"r"}"#, "/quantity"),
            receipt(r#"{"quantity":1.5,"reference":"r"}"#, "/quantity"),
            receipt(r#"{"quantity":1000000001,"reference":"r"}"#, "/quantity"),
            receipt(r#"{"quantity":1,"reference":""}"#, "/reference"),
            receipt(r#"{"quantity":1}"#, "/reference"),
            receipt(r#"{"quantity":1,"reference":"r","reason":"x"}"#, "/reason"),
            adjustment(r#"{"delta":0,"reason":"x","reference":"r"}"#, "/delta"),
            adjustment(r#"{"delta":1,"reason":"","reference":"r"}"#, "/reason"),
            adjustment(r#"{"delta":1,"reference":"r"}"#, "/reason"),
            adjustment(r#"{"delta":1,"reason":"x","reference":"ü"}"#, "/reference"),
        ],
    )
    .await;
}

#[tokio::test]
async fn only_an_operator_changes_stock() {
    let wrong = |path| Request::post(path).header("x-operator-token", "wrong");
    check_refusals(
        &router(),
        vec![
            (Request::post("/v1/inventory/tea/receipts"), "{", 401, "unauthenticated", ""),
            (Request::post("/v1/inventory/tea/adjustments"), "{", 401, "unauthenticated", ""),
            (wrong("/v1/inventory/tea/receipts"), "{", 403, "forbidden", ""),
            (wrong("/v1/inventory/tea/adjustments"), "{", 403, "forbidden", ""),
            (Request::get("/v1/inventory/a%20b"), "", 404, "not-found", ""),
            (by_operator("/v1/inventory/a%20b/receipts"), "", 404, "not-found", ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_store_that_is_away_is_a_reason_to_ask_again() {
    let receipt = r#"{"quantity":1000000000,"reference":"r"}"#;
    let adjustment = r#"{"delta":-1,"reason":"broken","reference":"r"}"#;
    let row = |request, body| (request, body, 503, "unavailable", "");
    check_refusals(
        &router(),
        vec![
            row(Request::get("/v1/inventory/tea"), ""),
            row(by_operator("/v1/inventory/tea/receipts"), receipt),
            row(by_operator("/v1/inventory/tea/adjustments"), adjustment),
        ],
    )
    .await;
}
