//! What reaches the service, and what comes back.

use http::Request;

use crate::support::{Behind, body};

#[tokio::test]
async fn a_webhook_passes_byte_for_byte() {
    let behind = Behind::echoes().await;
    let signed: Vec<u8> = (0..=255_u8).cycle().take(200_000).collect();
    let request = Request::post("/v1/webhooks/demo?x=%20y").header("x-lmall-signature", "v1=00");
    let (parts, echoed) = behind.call(request.body(body(signed.clone())).unwrap()).await;
    assert_eq!(
        (parts.status.as_u16(), &parts.headers["x-from"]),
        (200, &"the service".parse().unwrap())
    );
    assert!(!parts.headers.contains_key("keep-alive"), "{parts:?}");
    let end = echoed.windows(2).position(|two| two == b"\n\n").unwrap();
    let head = String::from_utf8_lossy(&echoed[..end]);
    assert!(head.starts_with("POST /v1/webhooks/demo?x=%20y\n"), "{head}");
    assert!(head.contains("x-lmall-signature: v1=00"), "{head}");
    assert_eq!(&echoed[end + 2..], signed, "the body");
}

#[tokio::test]
async fn the_request_id_is_made_here_and_passed_on() {
    let behind = Behind::echoes().await;
    let request = Request::get("/v1/orders/7").body(body("")).unwrap();
    let (parts, echoed) = behind.call(request).await;
    let id = parts.headers["x-request-id"].to_str().unwrap();
    assert!(String::from_utf8_lossy(&echoed).contains(&format!("x-request-id: {id}\n")), "{id}");
    let request = Request::get("/v1/orders/7").header("x-request-id", "mine");
    let (parts, echoed) = behind.call(request.body(body("")).unwrap()).await;
    assert_eq!(parts.headers["x-request-id"], "mine");
    assert!(String::from_utf8_lossy(&echoed).contains("x-request-id: mine\n"));
}

#[tokio::test]
async fn a_trace_is_passed_on_and_begins_here_where_there_is_none() {
    let behind = Behind::echoes().await;
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("traceparent", good), ("tracestate", "a=1")];
    let (_, text) = behind.get("/v1/orders/7", &headers).await;
    assert!(text.contains(&format!("traceparent: {good}\n")) && text.contains("a=1"), "{text}");
    for headers in [&[][..], &[("traceparent", "00-abc"), ("tracestate", "a=1")]] {
        let (_, text) = behind.get("/v1/orders/7", headers).await;
        let made = text.lines().find_map(|line| line.strip_prefix("traceparent: 00-")).unwrap();
        assert_eq!(made.len(), good.len() - 3, "{text}");
        assert!(!text.contains("a=1") && !text.contains("abc"), "{text}");
    }
}

#[tokio::test]
async fn what_is_between_neighbours_is_not_forwarded() {
    let behind = Behind::echoes().await;
    let request = Request::get("/v1/products?limit=2")
        .header("connection", "x-secret")
        .header("x-secret", "1")
        .header("te", "trailers")
        .header("prefer", "wait=2");
    let (_, echoed) = behind.call(request.body(body("")).unwrap()).await;
    let echoed = String::from_utf8_lossy(&echoed);
    assert!(echoed.starts_with("GET /v1/products?limit=2\n"), "{echoed}");
    assert!(!echoed.contains("x-secret") && !echoed.contains("te: "), "{echoed}");
    assert!(echoed.contains("prefer: wait=2"), "{echoed}");
}

#[tokio::test]
async fn only_whole_segments_are_a_prefix() {
    let behind = Behind::echoes().await;
    for path in ["/v1/ordersx", "/v1", "/", "/v2/orders"] {
        let (parts, _) = behind.call(Request::get(path).body(body("")).unwrap()).await;
        assert_eq!(parts.status, 404, "{path}");
    }
}
