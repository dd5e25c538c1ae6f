//! What is answered to requests before a use case is reached, and when it fails.

use http::{Request, request::Builder};
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals, json};

use crate::support::router;

fn operator(request: Builder) -> Builder {
    json(request.header("x-operator-token", OPERATOR_TOKEN))
}

fn of_ann(request: Builder) -> Builder {
    json(request.header("x-customer-id", "ann"))
}

#[tokio::test]
async fn what_cannot_be_is_refused_where_it_is_wrong() {
    let put = || operator(Request::put("/v1/products/tea-01"));
    let pricing = || operator(Request::put("/v1/products/tea-01/pricing"));
    let category = || operator(Request::put("/v1/categories/food"));
    let quote = || json(Request::post("/v1/quotes"));
    let review = || of_ann(Request::post("/v1/products/tea/reviews"));
    let row = |request, body, pointer| (request, body, 422, "validation", pointer);
    check_refusals(
        &router(),
        vec![
            row(put(), r#"{"name":"Tea","price":{"amount":1,"currency":"eur"}}"#, "/price/currency"),
            row(
                put(),
                r#"{"name":"Tea","price":{"amount":1,"currency":"EUR"},"categories":["A"]}"#,
                "/categories/0",
            ),
            row(put(), r#"{"name":"Tea","price":{"amount":1,"currency":"EUR"},"x":1}"#, "/x"),
            row(pricing(), r#"{"price":{"amount":1.5,"currency":"EUR"}}"#, "/price/amount"),
            row(
                pricing(),
                r#"{"price":{"amount":1,"currency":"EUR"},"rules":[{"id":"a","priority":1,"steps":[{"min_quantity":1,"off":{"half":1}}]}]}"#,
                "/rules/0/steps/0/off",
            ),
            row(category(), r#"{"name":" "}"#, "/name"),
            row(quote(), r#"{"lines":[]}"#, "/lines"),
            row(quote(), r#"{"lines":[{"sku":"tea","quantity":0}]}"#, "/lines/0/quantity"),
            row(quote(), r#"{"lines":[{"sku":"tea","quantity":1}],"now":1}"#, "/now"),
            row(review(), r#"{"rating":6,"author":"Ann"}"#, "/rating"),
            row(review(), r#"{"rating":4.5,"author":"Ann"}"#, "/rating"),
            row(review(), r#"{"rating":4,"author":""}"#, "/author"),
            row(Request::get("/v1/products?page=2"), "", "/page"),
            row(Request::get("/v1/search?limit=0"), "", "/limit"),
            row(Request::get("/v1/search?category=A"), "", "/category"),
            row(Request::get("/v1/search?cursor=!"), "", "/cursor"),
            row(Request::get("/v1/products/tea/recommendations?limit=21"), "", "/limit"),
        ],
    )
    .await;
    let long = format!("/v1/search?q={}", "x".repeat(201));
    check_refusals(&router(), vec![row(Request::get(long), "", "/q")]).await;
}

#[tokio::test]
async fn who_may_not_ask_is_told_before_anything_else() {
    let refused = |request: Builder| (request, "{", 401, "unauthenticated", "");
    let wrong = Request::put("/v1/products/tea").header("x-operator-token", "wrong");
    check_refusals(
        &router(),
        vec![
            refused(Request::put("/v1/products/tea")),
            refused(Request::get("/v1/products/tea/pricing")),
            refused(Request::put("/v1/products/tea/pricing")),
            refused(Request::put("/v1/categories/food")),
            refused(Request::post("/v1/products/tea/reviews")),
            (wrong, "{", 403, "forbidden", ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_no_path_can_name_is_not_looked_for() {
    let lost = |path| (operator(Request::get(path)), "", 404, "not-found", "");
    check_refusals(
        &router(),
        vec![
            lost("/v1/products/a%20b"),
            lost("/v1/products/a%20b/reviews"),
            (operator(Request::put("/v1/categories/Food")), "{}", 404, "not-found", ""),
            (operator(Request::put("/v1/categories/a/b/c/d/e/f")), "{}", 404, "not-found", ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_store_that_is_away_is_a_reason_to_ask_again() {
    let row = |request, body| (request, body, 503, "unavailable", "");
    let price = r#"{"price":{"amount":1,"currency":"EUR"}}"#;
    let product = r#"{"name":"Tea","price":{"amount":1,"currency":"EUR"}}"#;
    check_refusals(
        &router(),
        vec![
            row(Request::get("/v1/products"), ""),
            row(Request::get("/v1/products/tea"), ""),
            row(operator(Request::put("/v1/products/tea")), product),
            row(operator(Request::get("/v1/products/tea/pricing")), ""),
            row(operator(Request::put("/v1/products/tea/pricing")), price),
            row(Request::get("/v1/categories"), ""),
            row(operator(Request::put("/v1/categories/food")), r#"{"name":"Food"}"#),
            row(json(Request::post("/v1/quotes")), r#"{"lines":[{"sku":"tea","quantity":1}]}"#),
            row(Request::get("/v1/search?q=tea"), ""),
            row(Request::get("/v1/products/tea/reviews"), ""),
            row(
                of_ann(Request::post("/v1/products/tea/reviews")),
                r#"{"rating":4,"author":"Ann"}"#,
            ),
            row(Request::get("/v1/products/tea/recommendations"), ""),
        ],
    )
    .await;
}
