//! The server: bounded in every direction, and it finishes what it began.

mod around;
mod connections;
mod health;

use std::{io, sync::Arc};

use axum::middleware::from_fn_with_state;
use futures_util::future::BoxFuture;
use lmall_web::Metrics;
use tokio::net::TcpListener;
use tonic::{Request, Status, service::Routes};
use tonic_reflection::server::Builder;

use self::health::Health;
use crate::{
    call::Call,
    inventory::{self, Availability},
    pb::{
        self, inventory::inventory_server::InventoryServer, product::quotes_server::QuotesServer,
    },
    quotes::{self, ProductQuotes},
};

/// Bytes of the longest request: a hundred SKUs of 64 characters, or forty lines, are under 8 KiB.
const REQUEST_LEN_MAX: usize = 64 * 1024;

/// Bytes of the longest answer: a quote of forty lines with a hundred rules each would be too
/// long, and is wrong.
pub(crate) const ANSWER_LEN_MAX: usize = 256 * 1024;

/// Whether what the services stand on answers; an error says what does not.
pub type Ready = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The services of one server.
pub struct Services {
    routes: Routes,
    names: Vec<&'static str>,
    ready: Ready,
}

impl Services {
    /// None yet; they are healthy while `ready` says so.
    #[must_use]
    pub fn new(ready: Ready) -> Self {
        Self { routes: Routes::default(), names: Vec::new(), ready }
    }

    /// With `lmall.inventory.v1.Inventory`.
    #[must_use]
    pub fn inventory(self, availability: impl Availability + 'static) -> Self {
        let server = InventoryServer::new(inventory::Server(availability))
            .max_decoding_message_size(REQUEST_LEN_MAX)
            .max_encoding_message_size(ANSWER_LEN_MAX);
        self.with(server)
    }

    /// With `lmall.product.v1.Quotes`.
    #[must_use]
    pub fn quotes(self, quotes: impl ProductQuotes + 'static) -> Self {
        let server = QuotesServer::new(quotes::Server(quotes))
            .max_decoding_message_size(REQUEST_LEN_MAX)
            .max_encoding_message_size(ANSWER_LEN_MAX);
        self.with(server)
    }

    fn with<S>(mut self, server: S) -> Self
    where
        S: tower::Service<http::Request<tonic::body::Body>, Error = std::convert::Infallible>
            + tonic::server::NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(server);
        self
    }
}

/// Serves until `shutdown` resolves, then answers what is in flight and returns.
///
/// From then on health says `NOT_SERVING`, and whoever watches it is told so. What is not
/// answered after [`lmall_web::server::DRAIN_MAX`] is cut off.
///
/// # Errors
/// If the listener has no address any more. A failing `accept` is waited out instead.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    metrics: &Metrics,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let Services { routes, names, ready } = services;
    let (health, server) = Health::new(&names).await;
    let routes = routes.add_service(server).add_service(reflection(&names)?);
    let routes = routes.add_service(reflection_alpha(&names)?);
    let shared = around::Shared::new(metrics);
    // `with_state` makes axum build the layered routes now and not anew for each request.
    let router = routes.into_axum_router();
    let router = router.layer(from_fn_with_state(shared, around::around)).with_state(());
    let stopped = async {
        tokio::select! {
            biased;
            () = shutdown => {}
            // It never ends by itself.
            () = health.follow(ready) => {}
        }
        health.stop().await;
    };
    connections::serve(listener, router, stopped).await
}

/// The call that a request is, as [`around`] has accepted it.
pub(crate) fn call_of<T>(request: &Request<T>) -> Result<Call, Status> {
    let call = request.extensions().get::<Call>().cloned();
    call.ok_or_else(|| Status::internal("no call"))
}

fn descriptors<'bytes>(names: &[&str]) -> Builder<'bytes> {
    let builder = Builder::configure()
        .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    // Only what is served: the descriptors know more.
    names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
}

macro_rules! reflection {
    ($name:ident, $version:ident, $build:ident) => {
        fn $name(
            names: &[&str],
        ) -> io::Result<
            tonic_reflection::server::$version::ServerReflectionServer<
                impl tonic_reflection::server::$version::ServerReflection,
            >,
        > {
            let builder = descriptors(names).with_service_name(concat!(
                "grpc.reflection.",
                stringify!($version),
                ".ServerReflection"
            ));
            builder.$build().map_err(io::Error::other)
        }
    };
}

reflection!(reflection, v1, build_v1);
// What most tools still ask.
reflection!(reflection_alpha, v1alpha, build_v1alpha);
