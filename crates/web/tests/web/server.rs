//! The server over real sockets.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    routing::{get, post},
};
use lmall_web::{Metrics, RawBody, finish, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};

/// A running server whose `/held` answers once it is let go.
struct Running {
    address: SocketAddr,
    arrived: Arc<Notify>,
    go: Arc<Notify>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let held = {
            let (arrived, go) = (arrived.clone(), go.clone());
            async move || {
                arrived.notify_one();
                go.notified().await;
                "held"
            }
        };
        let router = Router::new()
            .route("/held", get(held))
            .route("/raw", post(async |_: RawBody| "taken"))
            .route("/", get(async || "hello"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(serve(listener, finish(router, &Metrics::new()), shutdown));
        Self { address, arrived, go, stop, server }
    }

    async fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(bytes).await.expect("room for a request");
        stream
    }
}

/// What comes until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("a clean end");
    text
}

#[tokio::test]
async fn what_is_in_flight_is_answered_after_the_shutdown_and_then_the_server_ends() {
    let running = Running::start().await;
    let untouched = running.connect(b"").await;
    let mut idle = running.connect(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let busy = running.connect(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.arrived.notified().await;

    let began = Instant::now();
    running.stop.send(()).unwrap();
    assert!(rest(idle).await.ends_with("hello"));
    assert_eq!(rest(untouched).await, "");
    assert!(!running.server.is_finished());
    assert!(TcpStream::connect(running.address).await.is_err(), "it still accepts");
    running.go.notify_one();
    let answer = rest(busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("held"), "{answer}");
    running.server.await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "it ended by its time-out");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let running = Running::start().await;
    let head = b"POST /raw HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9999999\r\n\r\n";
    let answer = rest(running.connect(head).await).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("\"instance\":\"/raw\""), "{answer}");
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_a_bad_head_ends_it() {
    let running = Running::start().await;
    let two =
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(rest(running.connect(two).await).await.matches("hello").count(), 2);
    // Where no route is, axum leaves it to hyper to hold back the body.
    let head = running.connect(b"HEAD /no HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    let head = rest(head).await;
    assert!(head.starts_with("HTTP/1.1 404") && head.ends_with("\r\n\r\n"), "{head}");
    let bad = rest(running.connect(b"BAD\r\n\r\n").await).await;
    assert!(bad.starts_with("HTTP/1.1 400"), "{bad}");
    let many = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let head = format!("GET / HTTP/1.1\r\n{many}\r\n");
    let many = rest(running.connect(head.as_bytes()).await).await;
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
}
