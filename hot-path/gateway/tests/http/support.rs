//! A service behind a gateway, both on free ports.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, Uri, response::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use lmall_gateway::Upstreams;
use lmall_web::{Client, Metrics};
use tokio::{net::TcpListener, task::JoinSet};

/// A gateway, and what stands behind it.
pub(crate) struct Behind {
    pub(crate) gateway: SocketAddr,
    client: Client<Body>,
    _running: JoinSet<()>,
}

impl Behind {
    /// Every service answers with what it was sent.
    pub(crate) async fn echoes() -> Self {
        let service = Router::new().fallback(echo);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut behind = Self::at(address).await;
        behind
            ._running
            .spawn(async move { axum::serve(listener, service).await.expect("it serves") });
        behind
    }

    /// Every service is at this address.
    pub(crate) async fn at(service: SocketAddr) -> Self {
        let url = || format!("http://{service}").parse().expect("an address");
        let (order_url, inventory_url, payment_url, ops_url) = (url(), url(), url(), url());
        let upstreams = Upstreams { order_url, inventory_url, payment_url, ops_url };
        let router = lmall_gateway::router(&upstreams, &Metrics::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let gateway = listener.local_addr().expect("an address");
        let mut running = JoinSet::new();
        running.spawn(async move {
            lmall_web::serve(listener, router, std::future::pending()).await.expect("it serves");
        });
        Self { gateway, client: Client::new(), _running: running }
    }

    /// The gateway's answer.
    pub(crate) async fn call(&self, mut request: http::Request<Body>) -> (Parts, Bytes) {
        let path = request.uri().path_and_query().expect("a path").clone();
        *request.uri_mut() = format!("http://{}{path}", self.gateway).parse().expect("an address");
        let answer = self.client.open(request, Duration::from_secs(30)).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        (parts, body.collect().await.expect("a body").to_bytes())
    }
}

pub(crate) fn body(text: impl Into<Body>) -> Body {
    text.into()
}

/// The request line, its headers, an empty line, and the body.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, request: Request) -> Response {
    let mut text = format!("{method} {uri}\n").into_bytes();
    for (name, value) in &headers {
        text.extend_from_slice(format!("{name}: {}\n", value.to_str().expect("text")).as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(&request.into_body().collect().await.expect("a body").to_bytes());
    let headers = [("x-from", "the service"), ("keep-alive", "timeout=5")];
    (headers, text).into_response()
}
