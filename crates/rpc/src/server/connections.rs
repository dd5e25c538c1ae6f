//! HTTP/2 connections, from the first to the last.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use lmall_web::server::DRAIN_MAX;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tower::Service;

/// Connections at one time; more wait in the kernel's queue. Other services keep one each.
const CONNECTIONS_MAX: usize = 1_024;

/// Calls at one time on a connection.
const STREAMS_MAX: u32 = 256;

/// Bytes of the headers of a call.
const HEADERS_LEN_MAX: u32 = 16 * 1024;

/// How often a silent peer is asked whether it is still there, and how long it may take.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long to wait when the process is out of file descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves until `stopped` resolves, then answers what is in flight and returns.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    tracing::info!(server.address = %listener.local_addr()?, "listening for gRPC");
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Each connection holds a receiver: that tells it to stop, and us that it has.
    let (stop, _) = watch::channel(());
    let mut stopped = pin!(stopped);
    loop {
        let (stream, slot) = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        tokio::spawn(connection(stream, router.clone(), stop.subscribe(), slot));
    }
    drop(listener);
    stop.send_replace(());
    if timeout(DRAIN_MAX, stop.closed()).await.is_err() {
        tracing::warn!(server.connections = stop.receiver_count(), "gRPC connections cut off");
    }
    Ok(())
}

/// The next connection, once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "gRPC connections cannot be accepted");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    mut stop: watch::Receiver<()>,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection closed before its first byte");
        return;
    }
    let service = service_fn(move |request: Request<Incoming>| router.clone().call(request));
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADERS_LEN_MAX)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // An error means that the server is gone, which is a reason to stop, too.
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            timeout(DRAIN_MAX, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a gRPC connection failed");
    }
}
