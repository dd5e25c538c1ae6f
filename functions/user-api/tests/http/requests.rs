//! What is answered to requests before a use case is reached, and when it fails.

use http::{Request, request::Builder};
use lmall_web::testing::{check_refusals, json};

use crate::support::router;

fn of_ann(request: Builder) -> Builder {
    json(request.header("x-customer-id", "ann"))
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_where_it_is_wrong() {
    let row = |path, body, pointer| (json(Request::post(path)), body, 422, "validation", pointer);
    check_refusals(
        &router(),
        vec![
            row("/v1/customers", r#"{"email":"ann","password":"correct horse"}"#, "/email"),
            row("/v1/customers", r#"{"email":"a@b.example","password":"short"}"#, "/password"),
            row(
                "/v1/customers",
                r#"{"email":"a@b.example","password":"correct horse","name":""}"#,
                "/name",
            ),
            row(
                "/v1/customers",
                r#"{"email":"a@b.example","password":"correct horse","admin":true}"#,
                "/admin",
            ),
            row("/v1/customers", r#"{"email":"a@b.example"}"#, "/password"),
            row("/v1/sessions", r#"{"email":"a b","password":"x"}"#, "/email"),
            row("/v1/sessions", r#"{"email":"a@b.example","password":""}"#, "/password"),
            row("/v1/sessions/refresh", r#"{"refresh_token":7}"#, "/refresh_token"),
            row("/v1/customers/password-reset", r#"{"email":"a@b.example\n"}"#, "/email"),
        ],
    )
    .await;
}

#[tokio::test]
async fn who_may_not_ask_is_told_before_anything_else() {
    let row = |request| (request, "{", 401, "unauthenticated", "");
    check_refusals(
        &router(),
        vec![
            row(Request::get("/v1/customers/me")),
            row(Request::patch("/v1/customers/me")),
            row(Request::delete("/v1/customers/me")),
            row(Request::get("/v1/customers/me/export")),
            row(Request::get("/v1/customers/me/activities")),
            row(Request::put("/v1/customers/me/addresses/home")),
            row(Request::post("/v1/customers/me/merges")),
            row(Request::post("/v1/customers/me/password")),
            row(Request::get("/v1/sessions")),
            row(Request::delete("/v1/sessions")),
            row(Request::delete("/v1/sessions/ses_1")),
            row(of_ann(Request::get("/v1/customers/me")).header("x-customer-id", "bob")),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_away_is_a_reason_to_ask_again() {
    let row = |request, body| (request, body, 503, "unavailable", "");
    let open = |path| json(Request::post(path));
    check_refusals(
        &router(),
        vec![
            row(open("/v1/customers"), r#"{"email":"a@b.example","password":"correct horse"}"#),
            row(open("/v1/sessions"), r#"{"email":"a@b.example","password":"correct horse"}"#),
            row(open("/v1/customers/password-reset"), r#"{"email":"a@b.example"}"#),
            row(of_ann(Request::get("/v1/customers/me")), ""),
            row(of_ann(Request::delete("/v1/customers/me")), ""),
            row(of_ann(Request::get("/v1/customers/me/export")), ""),
            row(of_ann(Request::get("/v1/sessions")), ""),
            row(Request::get("/v1/sessions/providers/name"), ""),
        ],
    )
    .await;
}
