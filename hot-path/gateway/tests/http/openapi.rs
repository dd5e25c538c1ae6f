//! Every route of the document has a service behind it.

use http::Request;

use crate::support::{Behind, body};

#[tokio::test]
async fn every_documented_route_is_forwarded() {
    let behind = Behind::echoes().await;
    let request = Request::get("/openapi.json").body(body("")).unwrap();
    let document: serde_json::Value =
        serde_json::from_slice(&behind.call(request).await.1).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let own = ["/healthz", "/readyz", "/metrics", "/openapi.json"];
    assert!(own.iter().all(|path| paths.contains_key(*path)), "{paths:?}");
    // Waiting rooms are served where the rooms are, in one process with the order service.
    let is_elsewhere = |path: &str| path.starts_with("/v1/waiting-rooms/");
    let forwarded =
        paths.iter().filter(|(path, _)| !own.contains(&path.as_str()) && !is_elsewhere(path));
    for (path, methods) in forwarded {
        let path = path.replace(['{', '}'], "");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let request = Request::builder().method(method.as_str()).uri(&path).body(body(""));
            let (parts, echoed) = behind.call(request.unwrap()).await;
            assert_eq!(parts.status, 200, "{method} {path}");
            let echoed = String::from_utf8_lossy(&echoed);
            assert!(echoed.starts_with(&format!("{method} {path}\n")), "{echoed}");
        }
    }
}
