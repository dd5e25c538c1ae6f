//! What `finish` adds to every route.

use axum::{Router, body::Body};
use http::{Method, Request};
use lmall_web::{Metrics, finish, testing::call};

use crate::support::{get_request, send, service};

#[tokio::test]
async fn a_problem_says_all_it_was_given() {
    let answer = send(get_request("/conflict?x=1", &[]), "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (409, "9"));
    let expected = serde_json::json!({
        "type": "/problems/out-of-stock",
        "title": "Not enough stock",
        "status": 409,
        "detail": "3 left",
        "instance": "/conflict",
        "errors": [{"pointer": "/lines/0/quantity", "detail": "at most 3"}],
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&answer.text).unwrap(), expected);
    assert_eq!(answer.header("content-length"), answer.text.len().to_string());
}

#[tokio::test]
async fn every_error_is_a_problem_that_names_the_path() {
    let rows = [
        (Method::GET, "/nowhere", 404, "not-found"),
        (Method::GET, "/", 404, "not-found"),
        (Method::GET, "*", 404, "not-found"),
        (Method::POST, "/page", 405, "method-not-allowed"),
        (Method::from_bytes(b"BREW").unwrap(), "/page", 405, "method-not-allowed"),
        (Method::POST, "/axum-json", 415, "unsupported-media-type"),
        (Method::GET, "/axum-path/x", 400, "malformed"),
        (Method::GET, "/axum-path/%ff", 400, "malformed"),
        (Method::GET, "/panic", 500, "internal"),
        (Method::GET, "/status/418", 418, "other"),
        (Method::GET, "/status/401", 401, "unauthenticated"),
        (Method::GET, "/status/502", 502, "other"),
        (Method::OPTIONS, "/nowhere", 404, "not-found"),
    ];
    for (method, path, status, kind) in rows {
        let answer = send(Request::builder().method(&method).uri(path), "").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        let problem = answer.problem();
        assert_eq!(problem.kind, format!("/problems/{kind}"), "{method} {path}");
        assert_eq!(problem.instance.as_deref(), Some(path));
        for secret in ["secret", "internals", "Basket"] {
            assert!(!answer.text.contains(secret), "{method} {path}: {answer:?}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
}

#[tokio::test]
async fn headers_of_an_answer_survive() {
    for status in [429, 503, 500] {
        let answer = send(get_request(&format!("/status/{status}"), &[]), "").await;
        assert_eq!((answer.problem().status, answer.header("retry-after")), (status, "7"));
    }
    assert_eq!(send(get_request("/cached", &[]), "").await.header("cache-control"), "max-age=60");
}

#[tokio::test]
async fn methods_are_answered_sanely() {
    let rows = [
        (Method::POST, "/page", 405, "GET,HEAD"),
        (Method::OPTIONS, "/page", 204, "GET,HEAD"),
        (Method::OPTIONS, "/raw", 204, "POST"),
        (Method::HEAD, "/page", 200, ""),
        (Method::HEAD, "/raw", 405, "POST"),
    ];
    for (method, path, status, allow) in rows {
        let answer = send(Request::builder().method(&method).uri(path), "").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        let bodiless = method == Method::HEAD || status == 204;
        assert_eq!(answer.text.is_empty(), bodiless, "{method} {path}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_is_answered_for() {
    let answer = send(get_request("/never", &[]), "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!(answer.problem().kind, "/problems/unavailable");
}

#[tokio::test]
async fn the_request_id_is_taken_or_made_and_returned() {
    let longest = "a".repeat(128);
    for id in ["r-1_2.3", &longest] {
        let answer = send(get_request("/context", &[("X-Request-Id", id)]), "").await;
        assert_eq!(answer.header("x-request-id"), id);
        assert!(answer.text.contains(id), "{answer:?}");
    }
    let too_long = "a".repeat(129);
    let rows: [&[(&str, &str)]; 5] = [
        &[],
        &[("x-request-id", "")],
        &[("x-request-id", "a b")],
        &[("x-request-id", &too_long)],
        &[("x-request-id", "a"), ("x-request-id", "b")],
    ];
    for headers in rows {
        let answer = send(get_request("/context", headers), "").await;
        let id = answer.header("x-request-id");
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{headers:?}: {id}");
        assert!(answer.text.contains(id), "{answer:?}");
    }
}

#[tokio::test]
async fn a_trace_is_passed_on_if_it_is_one() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (traceparent, kept) in [(good, true), ("00-abc", false)] {
        let answer = send(get_request("/context", &[("traceparent", traceparent)]), "").await;
        assert_eq!(answer.text.contains(traceparent), kept, "{answer:?}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_template_and_not_by_path() {
    let metrics = Metrics::new();
    let router = service(&metrics);
    for path in ["/number/1", "/number/2", "/number/x", "/nowhere/1", "/nowhere/2"] {
        call(router.clone(), Request::get(path).body(Body::empty()).unwrap()).await;
    }
    let text = metrics.render();
    for line in [
        r#"http_requests_total{method="GET",route="/number/{n}",status="200"} 2"#,
        r#"http_requests_total{method="GET",route="/number/{n}",status="404"} 1"#,
        r#"http_requests_total{method="GET",route="unmatched",status="404"} 2"#,
        r#"http_request_duration_seconds_count{route="/number/{n}"} 3"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("nowhere"), "{text}");
}

#[tokio::test]
async fn nested_and_merged_routers_keep_the_whole_path() {
    let inner = |path| Router::new().route(path, axum::routing::get(async || "here"));
    let router = Router::new().nest("/v1", inner("/a")).merge(inner("/b"));
    let metrics = Metrics::new();
    let router = finish(router, &metrics);
    let post = Request::post("/v1/a").body(Body::empty()).unwrap();
    let answer = call(router.clone(), post).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD"));
    assert_eq!(answer.problem().instance.as_deref(), Some("/v1/a"));
    let answer = call(router, Request::get("/v1/b").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem().instance.as_deref(), Some("/v1/b"));
    assert!(metrics.render().contains(r#"route="/v1/a",status="405""#));
}
