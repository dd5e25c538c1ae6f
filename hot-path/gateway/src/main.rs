//! `lmall-gateway`: the front door on AWS.

use std::{
    convert::Infallible,
    io::{Write, stdout},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use lmall_app::{
    limiter::{LocalLimiter, SharedLimiter},
    ports::{Admissions, Clock, RateLimiter, WaitingRooms},
    shutdown,
    waiting::{AdmissionKeys, Doorman, Load},
};
use lmall_aws::{
    Clients, Parameters,
    redis::{Redis, RedisLimiter, RedisRevocations, RedisRooms},
};
use lmall_gateway::{
    Gateway, Identity, IdentityMode, Options, Settings, Target, Upstreams, Verifier,
    identity::KeysAt,
    waiting::{Hall, OrderService, observed, routes},
};
use lmall_runtime::{SystemClock, Tasks};
use lmall_service::{
    BadConfiguration,
    secrets::{Missing, follow},
};
use lmall_web::{Metrics, OperatorToken};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is under way beside requests may take to end.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// How often keys are looked for while there are none.
const KEYS_AWAITED: Duration = Duration::from_secs(1);

/// LMall's front door: one address for all services.
#[derive(clap::Parser)]
#[command(name = "lmall-gateway", version)]
struct Arguments {
    #[command(flatten)]
    service: lmall_service::Arguments,
    /// How callers are known: by their access token, or as they say, which is for a trial only
    #[arg(long, env = "LMALL_IDENTITY", value_name = "MODE", default_value = "token")]
    identity: IdentityMode,
    /// Rate limits, revoked sessions and waiting rooms: redis://host:port or rediss://…; nodes of
    /// a cluster, separated by commas. Tokens cannot be believed without it; without tokens, each
    /// task keeps its limits alone, and there are no waiting rooms
    #[arg(long, env = "LMALL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// Tasks that share the limits while Redis is away
    #[arg(long, env = "LMALL_GATEWAY_TASKS", value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    tasks: u32,
    /// Keys of admissions to flash sales as name:hex,…; the parameter `admission-keys` if unset.
    /// Until there are some, no sale begins
    #[arg(long, env = "LMALL_ADMISSION_KEYS", value_name = "KEYS", hide_env_values = true)]
    admission_keys: Option<String>,
    #[command(flatten)]
    upstreams: Upstreams,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-gateway", |arguments: &Arguments| &arguments.service.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let signal = lmall_web::shutdown_signal()?;
    let metrics = Metrics::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let redis = arguments.redis_url.as_deref().map(Redis::new).transpose();
    let redis = redis.map_err(|error| BadConfiguration(format!("LMALL_REDIS_URL: {error}")))?;
    let gateway = gateway(&arguments, redis.clone(), &clock, &metrics)?;
    let (stopping, stop) = shutdown::channel();
    let mut tasks = Tasks::new(Arc::clone(&clock), stop);
    let waiting = match redis {
        Some(redis) => Some(waiting(&arguments, redis, &clock, &mut tasks).await?),
        None => None,
    };
    let listen = arguments.service.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let router = match waiting {
        Some((hall, operator_token)) => {
            let rooms = routes(hall.clone(), operator_token);
            observed(gateway.before_services(&arguments.upstreams, rooms, &metrics), &hall)
        }
        None => gateway.before_services(&arguments.upstreams, Router::new(), &metrics),
    };
    let ready = format!("lmall-gateway ready on http://{}", listener.local_addr()?);
    let _reader_gone = writeln!(stdout().lock(), "{ready}");
    let stopped = async move {
        signal.await;
        // Whoever listens to a place goes to another task now.
        stopping.fire();
    };
    lmall_web::serve(listener, router, stopped).await?;
    if !tasks.ended(DRAIN_MAX).await {
        tracing::warn!("some work was left to others");
    }
    Ok(())
}

fn gateway(
    arguments: &Arguments,
    redis: Option<Redis>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
) -> anyhow::Result<Gateway> {
    let limiter: Arc<dyn RateLimiter> = match redis.clone() {
        Some(redis) => {
            let shared = Arc::new(RedisLimiter::new(redis));
            let shared = SharedLimiter::new(shared, arguments.tasks, Arc::clone(clock));
            let limiter = Arc::new(shared);
            show_fallback(metrics, &limiter);
            limiter
        }
        None => Arc::new(LocalLimiter::new(Arc::clone(clock))),
    };
    let identity = match arguments.identity {
        IdentityMode::Direct => Identity::Direct,
        IdentityMode::Token => Identity::Token(Box::new(verifier(arguments, redis, clock)?)),
    };
    let (options, settings) = (arguments.options.clone(), Settings::default());
    Ok(Gateway { identity, limiter: Some(limiter), options, settings, clock: Arc::clone(clock) })
}

/// The waiting rooms, which all tasks share and each one looks after; and whom they obey.
async fn waiting(
    arguments: &Arguments,
    redis: Redis,
    clock: &Arc<dyn Clock>,
    tasks: &mut Tasks,
) -> anyhow::Result<(Hall, OperatorToken)> {
    let (token, keys) = secrets(arguments, clock, tasks).await?;
    let rooms: Arc<dyn WaitingRooms> = Arc::new(RedisRooms::new(redis));
    let order_url = arguments.upstreams.order_url.clone();
    let orders: Arc<dyn Admissions> = Arc::new(OrderService::new(order_url, token.clone()));
    let load = Arc::new(Load::default());
    let doorman = Doorman::new(rooms.clone(), orders.clone(), Arc::clone(clock), Arc::clone(&load));
    let (mut stop, clock) = (tasks.stop(), Arc::clone(clock));
    let hall = Hall::new(rooms, orders, keys.clone(), Arc::clone(&clock), load, stop.clone());
    tasks.spawn(async move {
        // Nobody is let through who cannot be given a token.
        while keys.is_empty() && stop.pause(&*clock, KEYS_AWAITED).await {}
        doorman.run(stop).await;
    });
    Ok((hall, token))
}

/// What operators show, and what signs admissions. The door opens without them, and what they are
/// for stays closed.
async fn secrets(
    arguments: &Arguments,
    clock: &Arc<dyn Clock>,
    tasks: &mut Tasks,
) -> anyhow::Result<(OperatorToken, AdmissionKeys)> {
    let clients = Clients::connect(arguments.service.site()?).await;
    let parameters = Parameters::new(&clients, Arc::clone(clock));
    let token = OperatorToken::new("");
    let (given, taken) = (arguments.service.operator_token.as_deref(), token.clone());
    let take = move |text: &str| {
        taken.replace(text);
        Ok::<_, Infallible>(())
    };
    follow(given, parameters.clone(), tasks, "operator-token", Missing::IsFine, take).await?;
    let keys = AdmissionKeys::default();
    let (given, taken) = (arguments.admission_keys.as_deref(), keys.clone());
    let take = move |text: &str| taken.replace(text);
    follow(given, parameters, tasks, "admission-keys", Missing::IsFine, take).await?;
    Ok((token, keys))
}

fn verifier(
    arguments: &Arguments,
    redis: Option<Redis>,
    clock: &Arc<dyn Clock>,
) -> Result<Verifier, BadConfiguration> {
    let needs = |name| BadConfiguration(format!("{name} is needed to believe access tokens"));
    let redis = redis.ok_or_else(|| needs("LMALL_REDIS_URL"))?;
    let user_url = arguments.upstreams.user_url.clone().ok_or_else(|| needs("LMALL_USER_URL"))?;
    let target = Target::Http(user_url, Box::default());
    let keys = Arc::new(KeysAt::new(target, KeysAt::WELL_KNOWN));
    let revocations = Arc::new(RedisRevocations::new(redis));
    Ok(Verifier::new(arguments.options.issuer.clone(), keys, revocations, Arc::clone(clock)))
}

fn show_fallback(metrics: &Metrics, limiter: &Arc<SharedLimiter>) {
    let alone = metrics.gauge(
        "lmall_gateway_limiter_alone",
        "1 while this task keeps its share of the limits without Redis.",
    );
    let limiter = Arc::clone(limiter);
    metrics.on_scrape(Box::new(move || alone.set(i64::from(limiter.is_alone()))));
}
