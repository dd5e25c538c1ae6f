//! The HTTP/1.1 server: bounded in every direction, and it finishes what it began.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tower::Service;

/// Connections at one time; more wait in the kernel's queue. Each may buffer up to 64 KiB.
pub const CONNECTIONS_MAX: usize = 10_000;

/// How long the head of a request may take, and how long a kept-alive connection may idle.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a shutdown waits for answers; the process promises to end within 10 s.
pub const DRAIN_MAX: Duration = Duration::from_secs(8);

/// Bytes of the read buffer of a connection, hence of the longest head. The number of headers
/// stays at hyper's 100: naming any number makes hyper allocate for each request.
const BUFFER_LEN_MAX: usize = 64 * 1024;

/// How long to wait when the process is out of file descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves, then answers what is in flight and returns.
///
/// Idle connections are closed at once; after [`DRAIN_MAX`] the rest is cut off. A handler that
/// waits for long should itself watch the shutdown. Each request has the address of its peer in
/// its extensions, as axum's [`ConnectInfo`].
///
/// # Errors
///
/// If the listener has no address any more. A failing `accept` is waited out instead.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    tracing::info!(server.address = %listener.local_addr()?, "listening");
    let router: Router = router.with_state(());
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Each connection holds a receiver: that tells it to stop, and us that it has.
    let (stop, _) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer, slot) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        tokio::spawn(connection(stream, peer, router.clone(), stop.subscribe(), slot));
    }
    drop(listener);
    tracing::info!(server.connections = stop.receiver_count(), "draining");
    stop.send_replace(());
    if timeout(DRAIN_MAX, stop.closed()).await.is_err() {
        tracing::warn!(server.connections = stop.receiver_count(), "cut off");
    }
    Ok(())
}

/// Resolves on SIGTERM or Ctrl-C. Both are watched from the call on, not from the first poll: a
/// signal that comes in between is not lost, and does not end the process.
///
/// # Errors
/// When the signals cannot be watched.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The next connection, once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "connections cannot be accepted");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// Whether it was the peer who gave up, so that the next `accept` may well succeed.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<()>,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection closed before its first byte");
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_buf_size(BUFFER_LEN_MAX)
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
        tracing::debug!(%error, "a connection failed");
    }
}
