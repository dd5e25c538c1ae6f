//! What is answered to requests before a use case is reached, and when it fails.

use http::{Request, request::Builder};
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals, json};

use crate::support::router;

fn of_ann(request: Builder) -> Builder {
    json(request.header("x-customer-id", "ann"))
}

#[tokio::test]
async fn a_wish_that_is_no_order_is_refused_where_it_is_wrong() {
    let row =
        |body, pointer| (of_ann(Request::post("/v1/orders")), body, 422, "validation", pointer);
    check_refusals(
        &router(),
        vec![
            row(r#"{"lines":[]}"#, "/lines"),
            row(r#"{"lines":[{"sku":"tea","quantity":0}]}"#, "/lines/0/quantity"),
            row(r#"{"lines":[{"sku":"tea","quantity":-1}]}"#, "/lines/0/quantity"),
            row(r#"{"lines":[{"sku":"tea","quantity":1.5}]}"#, "/lines/0/quantity"),
            row(r#"{"lines":[{"sku":"tea","quantity":"2"}]}"#, "/lines/0/quantity"),
            row(r#"{"lines":[{"sku":"tea","quantity":1e30}]}"#, "/lines/0/quantity"),
            row(
                r#"{"lines":[{"sku":"tea","quantity":1},{"sku":"a b","quantity":1}]}"#,
                "/lines/1/sku",
            ),
            row(r#"{"lines":[{"sku":"tea","quantity":1,"price":1}]}"#, "/lines/0/price"),
            row(r#"{"lines":[{"sku":"tea","quantity":1}],"note":""}"#, "/note"),
            row(r#"{"lines":[{"sku":"tea","quantity":1}],"currency":"eur"}"#, "/currency"),
        ],
    )
    .await;
}

#[tokio::test]
async fn who_may_not_ask_is_told_before_anything_else() {
    let operator = |token| Request::put("/v1/price-copies/tea").header("x-operator-token", token);
    check_refusals(
        &router(),
        vec![
            (Request::post("/v1/orders"), "{", 401, "unauthenticated", ""),
            (Request::get("/v1/orders"), "", 401, "unauthenticated", ""),
            (Request::get("/v1/orders/x"), "", 401, "unauthenticated", ""),
            (Request::post("/v1/orders/x/cancel"), "", 401, "unauthenticated", ""),
            (Request::get("/v1/orders/x/events"), "", 401, "unauthenticated", ""),
            (Request::put("/v1/price-copies/tea"), "{", 401, "unauthenticated", ""),
            (operator("wrong"), "{", 403, "forbidden", ""),
            (Request::put("/v1/flash-sales/tea"), "", 401, "unauthenticated", ""),
            (Request::delete("/v1/flash-sales/tea"), "", 401, "unauthenticated", ""),
            (Request::post("/v1/admissions/outcome"), "{", 401, "unauthenticated", ""),
            (Request::post("/v1/admissions/end"), "{", 401, "unauthenticated", ""),
            (
                Request::get("/v1/orders/7").header("x-operator-token", "wrong"),
                "",
                403,
                "forbidden",
                "",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_no_list_and_no_path_can_name_is_not_looked_for() {
    let of_ann = |path| of_ann(Request::get(path));
    check_refusals(
        &router(),
        vec![
            (of_ann("/v1/orders/x"), "", 404, "not-found", ""),
            (of_ann("/v1/orders/07"), "", 404, "not-found", ""),
            (of_ann("/v1/orders/x/events"), "", 404, "not-found", ""),
            (of_ann("/v1/orders?cursor="), "", 422, "validation", "/cursor"),
            (of_ann("/v1/orders?limit=101"), "", 422, "validation", "/limit"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_store_that_is_away_is_a_reason_to_ask_again() {
    let order = r#"{"lines":[{"sku":"tea","quantity":1000}]}"#;
    let copy = r#"{"version":1,"name":"Tea","pricing":{"base":{"amount":1,"currency":"EUR"}}}"#;
    let ticket = r#"{"sku":"tea","customer_id":"ann","opened_at":"2026-01-14T10:30:00Z","place":7,
        "quantity":1,"expires_at":"2026-01-14T10:32:00Z"}"#;
    let by_operator = |request: Builder| json(request.header("x-operator-token", OPERATOR_TOKEN));
    let row = |request, body| (request, body, 503, "unavailable", "");
    check_refusals(
        &router(),
        vec![
            row(of_ann(Request::post("/v1/orders")), order),
            row(of_ann(Request::post("/v1/orders")).header("idempotency-key", "k"), order),
            row(of_ann(Request::get("/v1/orders/7")), ""),
            row(of_ann(Request::get("/v1/orders")), ""),
            row(of_ann(Request::post("/v1/orders/7/cancel")), ""),
            row(of_ann(Request::get("/v1/orders/7/events")), ""),
            row(Request::get("/v1/orders/7").header("x-operator-token", OPERATOR_TOKEN), ""),
            row(by_operator(Request::put("/v1/price-copies/tea")), copy),
            row(by_operator(Request::put("/v1/flash-sales/tea")), ""),
            row(by_operator(Request::delete("/v1/flash-sales/tea")), ""),
            row(by_operator(Request::post("/v1/admissions/outcome")), ticket),
            row(by_operator(Request::post("/v1/admissions/end")), ticket),
        ],
    )
    .await;
}
