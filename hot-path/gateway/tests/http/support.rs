//! A gateway, and what stands behind it: services on free ports, or in the same process.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, Uri, response::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use lmall_app::limiter::LocalLimiter;
use lmall_contract::clock::ManualClock;
use lmall_gateway::{Gateway, Identity, Options, Settings, Upstreams};
use lmall_web::{Client, Metrics};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A gateway, and what stands behind it.
pub(crate) struct Behind {
    pub(crate) gateway: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<ManualClock>,
    client: Client<Body>,
    _running: JoinSet<()>,
}

/// How a gateway under test is made.
pub(crate) struct Made {
    pub(crate) identity: Identity,
    pub(crate) options: Options,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<ManualClock>,
}

impl Default for Made {
    /// Nobody is asked who they are, and nothing is limited.
    fn default() -> Self {
        Self {
            identity: Identity::Direct,
            options: options(&["--limits", "off"]),
            settings: Settings::default(),
            clock: Arc::default(),
        }
    }
}

/// What these words on the command line ask for.
pub(crate) fn options(words: &[&str]) -> Options {
    use clap::{Args, FromArgMatches};
    let command = Options::augment_args(clap::Command::new("gateway")).no_binary_name(true);
    let command = command.mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
    let matches = command.try_get_matches_from(words).expect("options");
    Options::from_arg_matches(&matches).expect("options")
}

impl Behind {
    /// Every service answers with what it was sent.
    pub(crate) async fn echoes() -> Self {
        Self::service(Router::new().fallback(echo), Made::default()).await
    }

    /// Every service is this one, at an address.
    pub(crate) async fn service(service: Router, made: Made) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut behind = Self::at(address, made).await;
        behind
            ._running
            .spawn(async move { axum::serve(listener, service).await.expect("it serves") });
        behind
    }

    /// Every service is at this address.
    pub(crate) async fn at(service: SocketAddr, made: Made) -> Self {
        let url = || format!("http://{service}").parse().expect("an address");
        let upstreams = Upstreams {
            order_url: url(),
            inventory_url: url(),
            payment_url: url(),
            ops_url: url(),
            user_url: Some(url()),
            product_url: url(),
            ids_url: Some(url()),
        };
        let own = Router::new().route("/v1/waiting-rooms/{sku}", axum::routing::any(echo));
        Self::open(made, |gateway, metrics| gateway.before_services(&upstreams, own, metrics)).await
    }

    /// Every service is this one, in the same process.
    pub(crate) async fn in_process(service: Router, made: Made) -> Self {
        Self::open(made, |gateway, metrics| gateway.before_router(service, metrics)).await
    }

    async fn open(made: Made, router: impl FnOnce(Gateway, &Metrics) -> Router) -> Self {
        let Made { identity, options, settings, clock } = made;
        let metrics = Metrics::new();
        let limiter = Arc::new(LocalLimiter::new(clock.clone()));
        let gateway =
            Gateway { identity, limiter: Some(limiter), options, settings, clock: clock.clone() };
        let router = router(gateway, &metrics);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let gateway = listener.local_addr().expect("an address");
        let mut running = JoinSet::new();
        running.spawn(async move {
            lmall_web::serve(listener, router, std::future::pending()).await.expect("it serves");
        });
        Self { gateway, metrics, clock, client: Client::new(), _running: running }
    }

    /// The gateway's answer.
    pub(crate) async fn call(&self, mut request: http::Request<Body>) -> (Parts, Bytes) {
        let path = request.uri().path_and_query().expect("a path").clone();
        *request.uri_mut() = format!("http://{}{path}", self.gateway).parse().expect("an address");
        let answer = self.client.open(request, Duration::from_secs(30)).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        (parts, body.collect().await.expect("a body").to_bytes())
    }

    /// The answer to a `GET` with these headers, and its body as text.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (Parts, String) {
        let request = http::Request::get(path);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, bytes) = self.call(request.body(body("")).expect("a request")).await;
        (parts, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    /// What the gateway answers to these bytes, until it closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.gateway).await.expect("a connection");
        stream.write_all(bytes).await.expect("room for a request");
        let mut answer = Vec::new();
        // A server that has seen enough may reset the connection.
        let _ended = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, series: &str) -> i64 {
        let text = self.metrics.render();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a number")
    }
}

/// A service that counts what it is asked, and answers with that number.
pub(crate) fn counting(asked: &Arc<AtomicUsize>) -> Router {
    let asked = Arc::clone(asked);
    Router::new().fallback(async move || (asked.fetch_add(1, Ordering::SeqCst) + 1).to_string())
}

pub(crate) fn body(text: impl Into<Body>) -> Body {
    text.into()
}

/// The status and the kind of the problem in a body.
pub(crate) fn problem(bytes: &[u8]) -> (u64, String) {
    let problem: serde_json::Value = serde_json::from_slice(bytes).expect("a problem");
    let kind = problem["type"].as_str().expect("a type").to_owned();
    (problem["status"].as_u64().expect("a status"), kind)
}

/// The request line, its headers, an empty line, and the body.
pub(crate) async fn echo(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let mut text = format!("{method} {uri}\n").into_bytes();
    for (name, value) in &headers {
        text.extend_from_slice(format!("{name}: {}\n", value.to_str().expect("text")).as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(&request.into_body().collect().await.expect("a body").to_bytes());
    let headers = [("x-from", "the service"), ("keep-alive", "timeout=5")];
    (headers, text).into_response()
}
