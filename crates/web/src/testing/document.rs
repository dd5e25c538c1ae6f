//! What an OpenAPI document promises: that it is committed, and that its routes are there.

use std::{env, fs, path::Path};

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode};
use utoipa::openapi::{OpenApi, path::PathItem};

use super::call;

/// Compares the document with `docs/openapi/{name}.json`; `UPDATE_OPENAPI=1` writes that first.
///
/// # Panics
///
/// If the two differ, or the file cannot be read or written.
pub fn check_committed(document: &OpenApi, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi");
    let path = folder.join(name).with_extension("json");
    let generated = document.to_pretty_json().expect("a document") + "\n";
    if env::var_os("UPDATE_OPENAPI").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).expect("a place to write to");
    }
    let committed = fs::read_to_string(&path).expect("a committed document");
    assert!(committed == generated, "run this test with UPDATE_OPENAPI=1 and look at the diff");
}

/// Calls every documented route of a router whose ports are away.
///
/// # Panics
///
/// If one is not there.
pub async fn check_routes(document: &OpenApi, router: &Router) {
    for (path, item) in &document.paths.paths {
        let PathItem { get, put, post, patch, delete, .. } = item;
        let documented = [
            (Method::GET, get),
            (Method::PUT, put),
            (Method::POST, post),
            (Method::PATCH, patch),
            (Method::DELETE, delete),
        ]
        .map(|(method, operation)| operation.as_ref().map(|_| method));
        for method in documented.into_iter().flatten() {
            let path = path.replace(['{', '}'], "");
            let request = Request::builder().method(&method).uri(&path).body(Body::empty());
            let status = call(router.clone(), request.expect("a valid request")).await.status;
            let absent = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(absent.iter().all(|absent| *absent != status), "{method} {path}: {status}");
        }
    }
}
