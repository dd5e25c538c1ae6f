//! The document is committed, and says what the router does.

use http::{Method, Request, StatusCode};
use utoipa::openapi::path::PathItem;

use crate::support::send;

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi/inventory.json");
    let generated = lmall_inventory::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some_and(|value| value == "1") {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == generated, "run this test with UPDATE_OPENAPI=1 and look at the diff");
}

#[tokio::test]
async fn every_documented_route_is_there() {
    for (path, item) in &lmall_inventory::openapi().paths.paths {
        let PathItem { get, put, post, .. } = item;
        let documented = [(Method::GET, get), (Method::PUT, put), (Method::POST, post)]
            .map(|(method, operation)| operation.as_ref().map(|_| method));
        for method in documented.into_iter().flatten() {
            let path = path.replace(['{', '}'], "");
            let request = Request::builder().method(&method).uri(&path);
            let status = send(request, "").await.status;
            let absent = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(!absent.contains(&status), "{method} {path}: {status}");
        }
    }
}
