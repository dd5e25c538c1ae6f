//! What is answered to requests before a use case is reached, and when it fails.

use http::{Request, request::Builder};
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals, json};

use crate::support::router;

const SUMMARY: &str = "/v1/ops/summary";
const LETTERS: &str = "/v1/ops/dead-letters";
const REPLAY: &str = "/v1/ops/dead-letters/replay";
const AUDIT: &str = "/v1/ops/audit";

fn by_operator(request: Builder) -> Builder {
    json(request.header("x-operator-token", OPERATOR_TOKEN))
}

#[tokio::test]
async fn every_route_asks_for_the_token_before_anything_else() {
    let mut rows = Vec::new();
    for (get, path) in [(true, SUMMARY), (true, LETTERS), (false, REPLAY), (false, AUDIT)] {
        let request = || if get { Request::get(path) } else { Request::post(path) };
        rows.push((request(), "{", 401, "unauthenticated", ""));
        rows.push((request().header("x-operator-token", "no"), "{", 403, "forbidden", ""));
    }
    check_refusals(&router(), rows).await;
}

#[tokio::test]
async fn a_filter_that_names_nothing_is_refused_where_it_is_wrong() {
    let list = |path| (by_operator(Request::get(path)), "", 422, "validation");
    let pointed = |(request, body, status, kind), pointer| (request, body, status, kind, pointer);
    let replay =
        |body, pointer| (by_operator(Request::post(REPLAY)), body, 422, "validation", pointer);
    check_refusals(
        &router(),
        vec![
            pointed(list("/v1/ops/dead-letters?queue=nowhere"), "/queue"),
            pointed(list("/v1/ops/dead-letters?limit=0"), "/limit"),
            replay(r#"{"queue":"nowhere"}"#, "/queue"),
            replay(r#"{"dryrun":true}"#, "/dryrun"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_dependency_that_is_away_is_a_reason_to_ask_again() {
    let row = |request, body| (by_operator(request), body, 503, "unavailable", "");
    check_refusals(
        &router(),
        vec![
            row(Request::get(SUMMARY), ""),
            row(Request::get(LETTERS), ""),
            row(Request::post(REPLAY), "{}"),
            row(Request::post(AUDIT), ""),
        ],
    )
    .await;
}
