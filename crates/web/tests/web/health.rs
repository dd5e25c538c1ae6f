//! The routes that every service has.

use axum::body::Body;
use http::Request;
use lmall_web::{Metrics, finish, health, openapi, testing::call};
use utoipa::OpenApi;

use crate::support::ready;

#[derive(OpenApi)]
#[openapi(components(schemas(lmall_web::ProblemBody, lmall_web::Page<String>)))]
struct Document;

#[tokio::test]
async fn a_service_tells_how_it_is() {
    let metrics = Metrics::new();
    metrics.counter("sold_total", "Sold").inc();
    let healthy = health::routes(metrics.clone(), ready(Ok(())));
    let ill = health::routes(metrics.clone(), ready(Err("db.internal is away".to_owned())));
    let rows = [
        (&healthy, "/healthz", 200, r#"{"status":"ok"}"#),
        (&healthy, "/readyz", 200, r#"{"status":"ready"}"#),
        (&healthy, "/metrics", 200, "\nsold_total 1\n"),
        (&ill, "/healthz", 200, r#"{"status":"ok"}"#),
        (&ill, "/readyz", 503, "/problems/unavailable"),
    ];
    for (router, path, status, text) in rows {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = call(finish(router.clone(), &metrics), request).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.text.contains(text), "{path}: {answer:?}");
        assert!(!answer.text.contains("db.internal"), "{path}: {answer:?}");
        let kind = match (path, status) {
            (_, 503) => "application/problem+json",
            ("/metrics", _) => "text/plain; version=0.0.4; charset=utf-8",
            (_, _) => "application/json",
        };
        assert_eq!(answer.header("content-type"), kind, "{path}");
    }
}

#[tokio::test]
async fn the_document_describes_problems_and_pages_as_they_are_sent() {
    let router = finish(openapi::route(Document::openapi()), &Metrics::new());
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let answer = call(router, request).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    let schemas = &document["components"]["schemas"];
    let required = &schemas["ProblemBody"]["required"];
    assert_eq!(*required, serde_json::json!(["type", "title", "status"]), "{schemas}");
    let page = &schemas["Page_String"];
    assert_eq!(page["required"], serde_json::json!(["items", "next_cursor"]), "{schemas}");
    assert_eq!(
        page["properties"]["next_cursor"]["type"],
        serde_json::json!(["string", "null"]),
        "{schemas}"
    );
}
