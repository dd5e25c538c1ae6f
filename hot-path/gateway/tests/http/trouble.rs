//! What a client reads when a body is too large, or no service answers.

use bytes::Bytes;
use http::Request;
use http_body_util::StreamBody;
use tokio::net::TcpListener;

use crate::support::{Behind, body};

fn problem(bytes: &Bytes) -> (u64, String) {
    let problem: serde_json::Value = serde_json::from_slice(bytes).expect("a problem");
    let kind = problem["type"].as_str().expect("a type").to_owned();
    (problem["status"].as_u64().expect("a status"), kind)
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let behind = Behind::echoes().await;
    let large = vec![b'x'; 256 * 1024 + 1];
    let request = Request::post("/v1/webhooks/demo").body(body(large.clone())).unwrap();
    let (_, answer) = behind.call(request).await;
    assert_eq!(problem(&answer), (413, "/problems/payload-too-large".to_owned()));
    let chunks: Vec<Result<_, std::io::Error>> = large
        .chunks(10_000)
        .map(|chunk| Ok(hyper::body::Frame::data(Bytes::copy_from_slice(chunk))))
        .collect();
    let stream = axum::body::Body::new(StreamBody::new(futures_util::stream::iter(chunks)));
    let (_, answer) = behind.call(Request::post("/v1/orders").body(stream).unwrap()).await;
    assert_eq!(problem(&answer), (413, "/problems/payload-too-large".to_owned()));
}

#[tokio::test]
async fn a_service_that_is_away_or_breaks_off_is_a_problem_to_try_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = Behind::at(address).await;
    let breaking = tokio::spawn(async move { drop(listener.accept().await) });
    let call = async || behind.call(Request::get("/v1/orders/7").body(body("")).unwrap()).await;
    let (parts, answer) = call().await;
    assert_eq!(problem(&answer), (502, "/problems/bad-gateway".to_owned()));
    assert_eq!(parts.headers["retry-after"], "1");
    // The task ended with that connection, and with it the listener.
    breaking.await.unwrap();
    let (parts, answer) = call().await;
    assert_eq!(problem(&answer), (503, "/problems/unavailable".to_owned()));
    assert_eq!(parts.headers["retry-after"], "1");
}

#[tokio::test]
async fn the_gateway_is_ready_without_any_service() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let behind = Behind::at(nobody).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let (parts, _) = behind.call(Request::get(path).body(body("")).unwrap()).await;
        assert_eq!(parts.status, 200, "{path}");
    }
}
