//! What a service is built on, and how it runs until it is told to stop.

use std::{
    convert::Infallible,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::Router;
use futures_util::future::{BoxFuture, try_join_all};
use lmall_app::{
    consumer::{Consumer, Options},
    failure::chain,
    ports::{Key, Store, Table},
    shutdown::{self, Shutdown, Trigger},
};
use lmall_aws::{AwsBus, Clients, DynamoStore, Parameters};
use lmall_runtime::{StoppingWatch, SystemClock, Tasks};
use lmall_web::{Metrics, OperatorToken, client::BaseUrl};
use tokio::net::TcpListener;
use utoipa::openapi::OpenApi;

use crate::{
    Arguments, ObservedBus, metering,
    process::say,
    secrets::{self, Missing},
};

/// How often what is due is looked for.
pub const PROMPT: Duration = Duration::from_secs(1);

/// How often what should not be there is looked for, and secrets are looked at again.
pub const CERTAIN: Duration = Duration::from_secs(60);

/// How long consumers may take to finish what they hold, after the last request was answered:
/// with the server's own 8 s, the 10 s that are promised.
const DRAIN_MAX: Duration = Duration::from_secs(2);

const _: () = assert!(DRAIN_MAX.as_secs() + lmall_web::server::DRAIN_MAX.as_secs() <= 10);

/// How consumers run on SQS, whose receives give 10 messages and wait 20 s at most.
const CONSUMER: Options = Options {
    batch: 10,
    groups: 64,
    wait: Duration::from_secs(20),
    visibility: Duration::from_secs(30),
};

/// What a service is built on.
pub struct Shell {
    /// The clients of AWS.
    pub clients: Clients,
    /// The clock of the system.
    pub clock: Arc<SystemClock>,
    /// The store.
    pub store: Arc<DynamoStore>,
    /// What operators have to show.
    pub operator_token: OperatorToken,
    /// What the service counts.
    pub metrics: Metrics,
    /// What the service does without being asked; it ends after the last answer.
    pub tasks: Tasks,
    name: &'static str,
    started: Instant,
    bus: Arc<ObservedBus>,
    listener: TcpListener,
    address: SocketAddr,
    checks: Vec<Check>,
    beside: Vec<Beside>,
    stop: Stop,
}

/// What has to hold for a service to be ready, beside its tables and its queue.
type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Whether the service is ready, asked anew with each call.
pub type Ready = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A server beside that of the routes.
type Beside = Box<dyn FnOnce(Ready, Shutdown) -> BoxFuture<'static, io::Result<()>> + Send>;

/// How the service hears that it is to stop, and tells its parts.
struct Stop {
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
    intake: Trigger,
    intake_stopped: Shutdown,
    work: Trigger,
}

impl Shell {
    /// Makes the clients, binds the port and reads the operator's token.
    ///
    /// # Errors
    /// When the configuration cannot be used, the port is taken, or Parameter Store is away.
    pub async fn open(name: &'static str, arguments: &Arguments) -> anyhow::Result<Self> {
        let started = Instant::now();
        let site = arguments.site()?;
        let signal = Box::pin(lmall_web::shutdown_signal()?);
        let listener = TcpListener::bind(arguments.listen)
            .await
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        let address = listener.local_addr()?;
        let clients = Clients::connect(site).await;
        let clock = Arc::new(SystemClock::default());
        let (intake, intake_stopped) = shutdown::channel();
        let (work, work_stopped) = shutdown::channel();
        let mut shell = Self {
            store: Arc::new(DynamoStore::new(&clients, clock.clone())),
            bus: Arc::new(ObservedBus::new(Arc::new(AwsBus::new(&clients)))),
            tasks: Tasks::new(clock.clone(), work_stopped),
            operator_token: OperatorToken::new(""),
            metrics: metering::metrics(&clients),
            stop: Stop { signal, intake, intake_stopped, work },
            clients,
            clock,
            name,
            started,
            listener,
            address,
            checks: Vec::new(),
            beside: Vec::new(),
        };
        let token = shell.operator_token.clone();
        let take = move |text: &str| {
            token.replace(text);
            Ok::<_, Infallible>(())
        };
        shell.secret("operator-token", arguments.operator_token.as_deref(), take).await?;
        Ok(shell)
    }

    /// Takes a secret that was given, or else the parameter of this name, now and whenever it
    /// changes. A parameter that is missing is waited for: what it opens stays closed.
    ///
    /// # Errors
    /// When what was given cannot be used, or Parameter Store does not answer.
    pub async fn secret<E: Error + Send + 'static>(
        &mut self,
        name: &'static str,
        given: Option<&str>,
        take: impl Fn(&str) -> Result<(), E> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        self.follow(name, Missing::IsSaid, given, take).await
    }

    /// The same, of a secret that the service can do without: also until Parameter Store answers.
    ///
    /// # Errors
    /// When what was given cannot be used.
    pub async fn optional_secret<E: Error + Send + 'static>(
        &mut self,
        name: &'static str,
        given: Option<&str>,
        take: impl Fn(&str) -> Result<(), E> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        self.follow(name, Missing::IsFine, given, take).await
    }

    async fn follow<E: Error + Send + 'static>(
        &mut self,
        name: &'static str,
        missing: Missing,
        given: Option<&str>,
        take: impl Fn(&str) -> Result<(), E> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        let parameters = Parameters::new(&self.clients, self.clock.clone());
        secrets::follow(given, parameters, &mut self.tasks, name, missing, take).await
    }

    /// Has the service ready only while this holds, too.
    pub fn ready_while(&mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.checks.push(Arc::new(check));
    }

    /// The store's watch, until no more requests are taken.
    #[must_use]
    pub fn watch(&self) -> Arc<StoppingWatch> {
        Arc::new(StoppingWatch::new(self.store.clone(), self.stop.intake_stopped.clone()))
    }

    /// The address of this process, for whoever calls from this machine.
    ///
    /// # Errors
    /// Never for an address that can be listened on.
    pub fn own_url(&self) -> anyhow::Result<BaseUrl> {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        Ok(format!("http://{address}").parse()?)
    }

    /// Runs the consumer of the service's queue.
    pub fn consume(&mut self, consumer: Arc<dyn Consumer>) {
        self.tasks.consume(consumer, self.bus.clone(), CONSUMER);
    }

    /// Runs another server beside that of the routes. It ends when no more requests are taken, and
    /// may take as long as those to answer what it began.
    pub fn serve_beside(
        &mut self,
        server: impl FnOnce(Ready, Shutdown) -> BoxFuture<'static, io::Result<()>> + Send + 'static,
    ) {
        self.beside.push(Box::new(server));
    }

    /// Serves the routes, and what every service has, until SIGTERM or Ctrl-C; then finishes
    /// what is in hand. The service is ready while these tables and its queue answer.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(
        self,
        router: Router,
        mut document: OpenApi,
        slow_routes: &'static [&'static str],
        tables: &'static [Table],
    ) -> anyhow::Result<()> {
        let Self {
            store, bus, metrics, tasks, name, listener, address, checks, beside, stop, ..
        } = self;
        let ready: Ready = Arc::new(move || {
            let checked = checks.iter().try_for_each(|check| check());
            let asked = ready(store.clone(), bus.clone(), tables);
            Box::pin(async move { checked.and(asked.await) })
        });
        let asked = ready.clone();
        document.merge(lmall_web::openapi::service());
        let router = router
            .merge(lmall_web::health::routes(metrics.clone(), move || asked()))
            .merge(lmall_web::openapi::route(document));
        let router = lmall_web::finish_with(router, &metrics, slow_routes);
        say(&format!("{name} ready on http://{address}"));
        tracing::info!(ready_ms = self.started.elapsed().as_millis(), "ready");

        let Stop { signal, intake, work, intake_stopped } = stop;
        let beside: Vec<_> = beside
            .into_iter()
            .map(|server| server(ready.clone(), intake_stopped.clone()))
            .collect();
        let stopped = async move {
            signal.await;
            tracing::info!("stopping: no new requests");
            // Whoever waits for an order to change is answered now.
            intake.fire();
        };
        let requests = lmall_web::serve(listener, router, stopped);
        tokio::try_join!(requests, try_join_all(beside))?;
        work.fire();
        if !tasks.ended(DRAIN_MAX).await {
            tracing::warn!("some work was left to others");
        }
        Ok(())
    }
}

/// Whether what the service cannot do without answers: its tables and its queue. What it can do
/// without, such as Redis, is no reason to send its requests elsewhere.
async fn ready(
    store: Arc<DynamoStore>,
    bus: Arc<ObservedBus>,
    tables: &[Table],
) -> Result<(), String> {
    for table in tables {
        let probe = Key::new(*table, "probe", "probe");
        store.get(&probe).await.map_err(|error| chain(&error))?;
    }
    if bus.answers() { Ok(()) } else { Err("the queue does not answer".to_owned()) }
}
