//! `lmall bench …`: measurements, each on a server and a data directory of its own.

mod gate;
mod gateway;
mod ids;
mod orders;
mod report;
mod reserve;
mod schedule;
mod search;
mod waiting;

use std::{
    fs,
    future::{Future, poll_fn},
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    process::ExitCode,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::Semaphore, time::sleep};

use crate::cli::BenchCommand;

/// Requests in flight at most; with a rate, what is above it waits, and the wait is measured.
const REQUESTS_MAX: u64 = 4_096;

/// File descriptors that are no connections.
const DESCRIPTORS_KEPT: u64 = 64;

/// Page of the fsync probe, as large as SQLite's.
const PAGE: usize = 4_096;

/// Pages that the fsync probe writes round and round: written before, so that only data is synced.
const PAGES: u64 = 256;

/// Length of the fsync probe.
const PROBE: Duration = Duration::from_secs(2);

/// Runs `lmall bench …`; `make_ids` makes one thread's id generator.
pub(crate) fn run(
    command: &BenchCommand,
    make_ids: impl Fn() -> Box<dyn FnMut() -> u64 + Send>,
) -> Result<ExitCode> {
    match command {
        BenchCommand::Orders(args) => orders::run(args),
        BenchCommand::Ids(args) => ids::run(args, make_ids),
        BenchCommand::Reserve(args) => reserve::run(args),
        BenchCommand::Gate(args) => gate::run(args),
        BenchCommand::Gateway(args) => gateway::run(args),
        BenchCommand::Search(args) => search::run(args),
        BenchCommand::Waiting(args) => waiting::run(args),
    }
}

/// A data directory: the one that was asked for, or one that is removed when dropped.
struct DataDir {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl DataDir {
    fn new(wanted: Option<&Path>) -> Result<Self> {
        if let Some(path) = wanted {
            fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
            return Ok(Self { path: path.to_owned(), _temporary: None });
        }
        let temporary = TempDir::with_prefix("lmall-bench-")?;
        Ok(Self { path: temporary.path().to_owned(), _temporary: Some(temporary) })
    }

    /// Counts how often a second a page can be written and synced here, and how long it took.
    fn probe_fsyncs(&self) -> Result<(u64, Duration)> {
        let file = tempfile::tempfile_in(&self.path)?;
        let page = [0x5a; PAGE];
        let offset = |count: u64| count % PAGES * u64::try_from(PAGE).unwrap_or(0);
        for count in 0..PAGES {
            file.write_all_at(&page, offset(count))?;
        }
        file.sync_all()?;
        let (started, mut count) = (Instant::now(), 0);
        while started.elapsed() < PROBE {
            file.write_all_at(&page, offset(count))?;
            file.sync_data()?;
            count += 1;
        }
        Ok((count, started.elapsed()))
    }
}

/// Lets this process and its children open as many files as they may, and says how many requests
/// can be in flight then.
fn raise_descriptor_limit() -> Result<u64> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let usable = maximum.map_or(REQUESTS_MAX, |all| all.saturating_sub(DESCRIPTORS_KEPT));
    Ok(usable.clamp(1, REQUESTS_MAX))
}

/// A lock that outlives a panic of another task: what it guards is only counted.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A progress bar on standard error.
fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Keeps a progress bar up to date; never ends.
async fn show(bar: &ProgressBar, position: impl Fn() -> u64) {
    loop {
        bar.set_position(position());
        sleep(Duration::from_millis(200)).await;
    }
}

/// Keep-alive connections to one server, much cheaper than a general client: no task of its own
/// for each connection, no look-up by host, the most recently used connection first.
struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
    in_flight: Semaphore,
}

/// A connection, driven by the task that uses it.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
}

/// Why there is no answer, as a few fixed words that can be counted.
type NoAnswer = &'static str;

impl Pool {
    fn new(base: &str, requests_max: u64) -> Result<Self> {
        let address = base.strip_prefix("http://").unwrap_or(base);
        let address = address.parse().with_context(|| format!("not an address: {base}"))?;
        let in_flight = Semaphore::new(usize::try_from(requests_max)?);
        Ok(Self { address, idle: Mutex::default(), in_flight })
    }

    /// Sends a request and reads its answer, on an idle connection or a new one.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        let exchange = async {
            let _permit = self.in_flight.acquire().await.map_err(|_| "closed")?;
            let mut connection = self.connection().await?;
            let answer = connection.exchange(request).await.map_err(|_| "connection broke")?;
            lock(&self.idle).push(connection);
            Ok(answer)
        };
        tokio::time::timeout(within, exchange).await.unwrap_or(Err("no answer in time"))
    }

    async fn connection(&self) -> Result<Connection, NoAnswer> {
        loop {
            // Not in the `while let`: the guard would be held across the await.
            let idle = lock(&self.idle).pop();
            let Some(mut connection) = idle else { break };
            if connection.is_usable().await {
                return Ok(connection);
            }
        }
        Connection::open(self.address).await.map_err(|_| "cannot connect")
    }
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Box::pin(driver) })
    }

    /// Looks once whether the server has closed it meanwhile.
    async fn is_usable(&mut self) -> bool {
        let driver = &mut self.driver;
        poll_fn(|cx| Poll::Ready(driver.as_mut().poll(cx).is_pending())).await
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<(StatusCode, Bytes)> {
        let Self { sender, driver } = self;
        let mut exchange = pin!(async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok((status, response.into_body().collect().await?.to_bytes()))
        });
        let mut open = true;
        let mut drive = |cx: &mut Context<'_>| {
            // A driver that has ended must not be polled again.
            open = open && driver.as_mut().poll(cx).is_pending();
        };
        poll_fn(|cx| {
            drive(cx);
            if let Poll::Ready(answer) = exchange.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            // It may just have handed over its request: send that now, not on the next wake-up.
            drive(cx);
            exchange.as_mut().poll(cx)
        })
        .await
    }
}
