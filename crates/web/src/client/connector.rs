//! Connections to other services: plain within a private network, with TLS beyond it.

use std::{
    error::Error,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use http::{Uri, uri::Scheme};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::net::TcpStream;
use tower::Service;

use super::CONNECT_TIMEOUT;

/// Whom the system trusts. It takes milliseconds to read and most processes never need it, so it
/// is read with the first connection that does.
static SYSTEM: LazyLock<ClientConfig> = LazyLock::new(|| {
    let trusting = tls().with_native_roots();
    trusting.map(|trusting| trusting.with_no_client_auth()).unwrap_or_else(|error| {
        tracing::error!(%error, "no HTTPS: the system knows no certificate authorities");
        tls().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    })
});

/// Connects, with TLS where the address says so.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    http: HttpConnector,
    /// Whom to trust; else whom the system trusts.
    trusted: Option<Arc<ClientConfig>>,
}

impl Connector {
    pub(super) fn new(trusted: Option<ClientConfig>) -> Self {
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.set_nodelay(true);
        http.enforce_http(false);
        Self { http, trusted: trusted.map(Arc::new) }
    }

    fn https(&self) -> HttpsConnector<HttpConnector> {
        let config = self.trusted.as_deref().unwrap_or_else(|| &SYSTEM).clone();
        let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
        builder.enable_http1().wrap_connector(self.http.clone())
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return Box::pin(self.https().call(uri));
        }
        let connecting = self.http.call(uri);
        Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
    }
}

/// TLS as ring has it: whoever else chooses another cryptography in this process does not matter.
fn tls() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the protocol's versions")
}
