//! What a client reads when a body is too large, or no service answers.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::Router;
use bytes::Bytes;
use http::Request;
use http_body_util::StreamBody;
use lmall_domain::breaker;
use lmall_gateway::{BREAKER, Bounds, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};

use crate::support::{Behind, Made, body, counting, problem};

/// The longest time for a 503 once the breaker is open.
const AT_ONCE: Duration = Duration::from_millis(5);

fn made(settings: Settings) -> Made {
    Made { settings, ..Made::default() }
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
    assert_eq!(behind.metric("lmall_gateway_breaker{upstream=\"order\"}"), 0);
}

/// A service whose connections break before they have answered, but for those after the first
/// few. How many it has seen.
async fn breaks(first: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = [0; 4_096];
            if stream.read(&mut head).await.is_ok_and(|len| len > 0)
                && count.fetch_add(1, Ordering::SeqCst) >= first
            {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _client_gone = stream.write_all(answer).await;
            }
        }
    });
    (address, seen)
}

#[tokio::test]
async fn only_what_may_be_repeated_is_sent_again_and_once() {
    let rows =
        [("GET", "", 200, 2), ("HEAD", "", 200, 2), ("POST", "", 502, 1), ("GET", "x", 502, 1)];
    for (method, text, status, sent) in rows {
        let (service, seen) = breaks(1).await;
        let behind = Behind::at(service, Made::default()).await;
        let request = Request::builder().method(method).uri("/v1/orders/7").body(body(text));
        let (parts, _) = behind.call(request.unwrap()).await;
        assert_eq!(parts.status, status, "{method} {text}");
        assert_eq!(seen.load(Ordering::SeqCst), sent, "{method} {text}");
    }
    let (service, seen) = breaks(2).await;
    let behind = Behind::at(service, Made::default()).await;
    let (parts, text) = behind.get("/v1/orders/7", &[]).await;
    assert_eq!(problem(text.as_bytes()), (502, "/problems/bad-gateway".to_owned()));
    assert_eq!(parts.headers["retry-after"], "1");
    assert_eq!(seen.load(Ordering::SeqCst), 2, "a second time is the last");
}

#[tokio::test]
async fn retries_are_a_tenth_of_all_requests() {
    let (service, seen) = breaks(usize::MAX).await;
    let never = breaker::Settings { volume_min: u32::MAX, ..BREAKER };
    let behind =
        Behind::at(service, made(Settings { breaker: never, ..Settings::default() })).await;
    for _ in 0..100 {
        behind.get("/v1/orders/7", &[]).await;
    }
    let retries = seen.load(Ordering::SeqCst) - 100;
    assert!((18..=20).contains(&retries), "{retries}: ten were saved up");
    let series = "lmall_gateway_retries_total{upstream=\"order\"}";
    assert_eq!(usize::try_from(behind.metric(series)).unwrap(), retries);
}

/// The answers to a service that is left alone: at once, with the time to come again.
async fn is_left_alone(behind: &Behind) {
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let started = Instant::now();
        let (parts, text) = behind.get("/v1/orders/7", &[]).await;
        fastest = fastest.min(started.elapsed());
        assert_eq!(problem(text.as_bytes()), (503, "/problems/unavailable".to_owned()));
        assert_eq!(parts.headers["retry-after"], "5");
    }
    assert!(fastest < AT_ONCE, "{fastest:?}");
    assert_eq!(behind.metric("lmall_gateway_breaker{upstream=\"order\"}"), 2);
    let shed = "lmall_gateway_shed_total{upstream=\"order\",why=\"breaker\"}";
    assert!(behind.metric(shed) >= 20);
}

#[tokio::test]
async fn a_service_that_nobody_runs_is_left_alone_and_found_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let behind = Behind::at(address, Made::default()).await;
    for _ in 0..10 {
        let (parts, text) = behind.get("/v1/orders/7", &[]).await;
        assert_eq!(problem(text.as_bytes()), (503, "/problems/unavailable".to_owned()));
        assert_eq!(parts.headers["retry-after"].len(), 1);
    }
    is_left_alone(&behind).await;
    let listener = TcpListener::bind(address).await.expect("nobody took the port");
    let asked = Arc::default();
    let service = counting(&asked);
    let running = tokio::spawn(async move { axum::serve(listener, service).await });
    behind.clock.advance(BREAKER.open_for);
    for _ in 0..10 {
        let (parts, _) = behind.get("/v1/orders/7", &[]).await;
        assert_eq!(parts.status, 200);
    }
    assert_eq!(behind.metric("lmall_gateway_breaker{upstream=\"order\"}"), 0);
    running.abort();
}

#[tokio::test]
async fn a_service_that_takes_requests_and_never_answers_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer_timeout = Duration::from_millis(100);
    let behind =
        Behind::at(address, made(Settings { answer_timeout, ..Settings::default() })).await;
    let calls: Vec<_> = (0..10).map(|_| behind.get("/v1/orders/7", &[])).collect();
    for (parts, text) in futures_util::future::join_all(calls).await {
        assert_eq!(problem(text.as_bytes()), (504, "/problems/gateway-timeout".to_owned()));
        assert_eq!(parts.headers["retry-after"], "1");
    }
    is_left_alone(&behind).await;
    let (parts, _) = behind.get("/v1/ids", &[]).await;
    assert_eq!(parts.status, 504, "each service has a breaker of its own");
}

#[tokio::test]
async fn what_there_is_no_place_for_is_turned_away_at_once() {
    let (go, arrived) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = {
        let (go, arrived) = (Arc::clone(&go), Arc::clone(&arrived));
        Router::new().fallback(async move || {
            arrived.notify_one();
            go.notified().await;
            "held"
        })
    };
    let bounds = Bounds { service: 1, waiting: 0, ..Bounds::default() };
    let behind = Behind::service(held, made(Settings { bounds, ..Settings::default() })).await;
    let first = behind.get("/v1/orders/7", &[]);
    let rest = async {
        arrived.notified().await;
        let started = Instant::now();
        let (parts, text) = behind.get("/v1/orders/7", &[]).await;
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(problem(text.as_bytes()), (503, "/problems/unavailable".to_owned()));
        assert_eq!(parts.headers["retry-after"], "1");
        assert_eq!(behind.metric("lmall_gateway_shed_total{upstream=\"order\",why=\"full\"}"), 1);
        go.notify_one();
    };
    let ((parts, text), ()) = tokio::join!(first, rest);
    assert_eq!((parts.status.as_u16(), text.as_str()), (200, "held"));
    go.notify_one();
    assert_eq!(behind.get("/v1/orders/7", &[]).await.0.status, 200, "its place is free again");
}

#[tokio::test]
async fn the_gateway_is_ready_without_any_service() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let behind = Behind::at(nobody, Made::default()).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let (parts, _) = behind.call(Request::get(path).body(body("")).unwrap()).await;
        assert_eq!(parts.status, 200, "{path}");
    }
}
