//! Requests that no honest client sends, byte for byte.

use std::sync::{Arc, atomic::Ordering};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Behind, Made, counting};

/// A gateway, and how many requests its services have seen.
async fn watched() -> (Behind, Arc<std::sync::atomic::AtomicUsize>) {
    let asked = Arc::default();
    (Behind::service(counting(&asked), Made::default()).await, asked)
}

#[tokio::test]
async fn a_head_that_two_could_read_differently_is_refused() {
    let (behind, asked) = watched().await;
    let head = "POST /v1/orders HTTP/1.1\r\nhost: x\r\n";
    let rows = [
        "content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "content-length: 3, 4\r\n\r\nabcd",
        "content-length: +3\r\n\r\nabc",
        "content-length: -1\r\n\r\n",
        "transfer-encoding: identity\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "x-a: 1\r\n folded\r\n\r\n",
        "x-a : 1\r\n\r\n",
        "x a: 1\r\n\r\n",
        "x-a: 1\0\r\n\r\n",
        ": 1\r\n\r\n",
    ];
    for rest in rows {
        let answer = behind.raw(format!("{head}{rest}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{rest:?}: {answer}");
    }
    let old = "POST /v1/orders HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(behind.raw(old.as_bytes()).await.contains(" 400 Bad Request"));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "none of them went on");
}

#[tokio::test]
async fn a_request_that_hides_another_one_is_one_request() {
    // A server that goes by the length sees a second request, one that goes by the chunks does
    // not. Both headers are no error, but nothing is read after such a request.
    let smuggled = "GET /v1/ops/summary HTTP/1.1\r\nhost: x\r\n\r\n";
    for headers in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ] {
        let (behind, asked) = watched().await;
        let request =
            format!("POST /v1/orders HTTP/1.1\r\nhost: x\r\n{headers}\r\n0\r\n\r\n{smuggled}");
        let answer = behind.raw(request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{headers}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (behind, asked) = watched().await;
    let long = "x".repeat(300_000);
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let rows = [
        (format!("GET /v1/orders HTTP/1.1\r\nx-long: {long}\r\n\r\n"), "431"),
        (format!("GET /v1/orders HTTP/1.1\r\n{many}\r\n"), "431"),
        (format!("GET /v1/orders?{long} HTTP/1.1\r\n\r\n"), "431"),
    ];
    for (request, status) in rows {
        let answer = behind.raw(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_head_byte_by_byte_is_cut_off() {
    let (behind, asked) = watched().await;
    let mut stream = TcpStream::connect(behind.gateway).await.unwrap();
    stream.write_all(b"GET /v1/orders HTTP/1.1\r\nx-slow: ").await.unwrap();
    let started = tokio::time::Instant::now();
    let mut answer = Vec::new();
    // The time passes by itself when all wait.
    let _ended = stream.read_to_end(&mut answer).await;
    let limit = lmall_web::server::HEADER_READ_TIMEOUT;
    assert!(started.elapsed() >= limit && started.elapsed() < 2 * limit);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
