//! The waiting rooms' routes on ports that never answer, and what they learn from orders.

mod away;
mod observed;

use axum::Router;
use http::{Request, request::Builder};
use lmall_app::shutdown;
use lmall_gateway::waiting::{openapi, routes};
use lmall_web::{
    OperatorToken,
    testing::{OPERATOR_TOKEN, check_committed, check_refusals, check_routes, json},
};

use crate::away::hall;

const ROOM: &str = "/v1/waiting-rooms/tea";
const PLACE: &str = "/v1/waiting-rooms/tea/place";
const EVENTS: &str = "/v1/waiting-rooms/tea/place/events";

/// A router whose every port is away; all it can answer is a problem.
fn router() -> Router {
    let (_trigger, stop) = shutdown::channel();
    routes(hall(stop), OperatorToken::new(OPERATOR_TOKEN))
}

fn by_operator(request: Builder) -> Builder {
    json(request.header("x-operator-token", OPERATOR_TOKEN))
}

#[test]
fn the_committed_document_is_the_generated_one() {
    check_committed(&openapi(), "waiting");
}

#[tokio::test]
async fn every_documented_route_is_there() {
    check_routes(&openapi(), &router()).await;
}

#[tokio::test]
async fn who_may_not_is_refused_before_a_room_is_asked() {
    let stranger = |method| Request::builder().method(method).uri(ROOM);
    let nobody = |method| Request::builder().method(method).uri(PLACE);
    check_refusals(
        &router(),
        vec![
            (stranger("PUT"), "{", 401, "unauthenticated", ""),
            (stranger("GET"), "", 401, "unauthenticated", ""),
            (stranger("DELETE"), "", 401, "unauthenticated", ""),
            (stranger("PUT").header("x-operator-token", "wrong"), "{", 403, "forbidden", ""),
            (nobody("POST"), "", 401, "unauthenticated", ""),
            (nobody("GET"), "", 401, "unauthenticated", ""),
            (nobody("DELETE"), "", 401, "unauthenticated", ""),
            (Request::get(EVENTS), "", 401, "unauthenticated", ""),
            (
                nobody("GET").header("x-customer-id", "ann").header("x-customer-id", "bob"),
                "",
                401,
                "unauthenticated",
                "",
            ),
            (
                Request::get("/v1/waiting-rooms/a%20b/place").header("x-customer-id", "ann"),
                "",
                404,
                "not-found",
                "",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_room_that_cannot_be_is_refused_where_it_is_wrong() {
    let put = |body, pointer| (by_operator(Request::put(ROOM)), body, 422, "validation", pointer);
    check_refusals(
        &router(),
        vec![
            put(r#"{"units":0,"admitted_per_s":1}"#, "/units"),
            put(r#"{"units":1,"admitted_per_s":1.5}"#, "/admitted_per_s"),
            put(r#"{"admitted_per_s":1}"#, "/units"),
            put(r#"{"units":1,"admitted_per_s":1,"quantity_max":0}"#, "/quantity_max"),
            put(r#"{"units":1,"admitted_per_s":1,"rate":1}"#, "/rate"),
        ],
    )
    .await;
}

#[tokio::test]
async fn rooms_that_are_away_are_a_reason_to_ask_again() {
    let room = r#"{"units":1,"admitted_per_s":1}"#;
    let by_customer = |request: Builder| request.header("x-customer-id", "ann");
    let row = |request, body| (request, body, 503, "unavailable", "");
    check_refusals(
        &router(),
        vec![
            row(by_operator(Request::put(ROOM)), room),
            row(by_operator(Request::get(ROOM)), ""),
            row(by_operator(Request::delete(ROOM)), ""),
            row(by_customer(Request::post(PLACE)), ""),
            row(by_customer(Request::get(PLACE)), ""),
            row(by_customer(Request::delete(PLACE)), ""),
            row(by_customer(Request::get(EVENTS)), ""),
        ],
    )
    .await;
}
