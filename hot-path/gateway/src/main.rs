//! `lmall-gateway`: the front door on AWS.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use axum::Router;
use lmall_app::{
    limiter::{LocalLimiter, SharedLimiter},
    ports::{Clock, RateLimiter},
};
use lmall_aws::redis::{Redis, RedisLimiter, RedisRevocations};
use lmall_gateway::{
    Gateway, Identity, IdentityMode, Options, Settings, Target, Upstreams, Verifier,
    identity::KeysAt,
};
use lmall_runtime::SystemClock;
use lmall_service::BadConfiguration;
use lmall_web::Metrics;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// LMall's front door: one address for all services.
#[derive(clap::Parser)]
#[command(name = "lmall-gateway", version)]
struct Arguments {
    /// Address to listen on; port 0 picks one and the ready line names it
    #[arg(long, env = "LMALL_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Tracing filter; logs go to standard error, as text on a terminal, else JSON
    #[arg(long, env = "LMALL_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// How callers are known: by their access token, or as they say, which is for a trial only
    #[arg(long, env = "LMALL_IDENTITY", value_name = "MODE", default_value = "token")]
    identity: IdentityMode,
    /// Rate limits and revoked sessions: redis://host:port or rediss://…; nodes of a cluster,
    /// separated by commas. Tokens cannot be believed without it; without tokens, each task
    /// keeps its limits alone
    #[arg(long, env = "LMALL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// Tasks that share the limits while Redis is away
    #[arg(long, env = "LMALL_GATEWAY_TASKS", value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    tasks: u32,
    #[command(flatten)]
    upstreams: Upstreams,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    lmall_service::run("lmall-gateway", |arguments: &Arguments| &arguments.log, run)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let signal = lmall_web::shutdown_signal()?;
    let metrics = Metrics::new();
    let gateway = gateway(&arguments, &metrics)?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let router = gateway.before_services(&arguments.upstreams, Router::new(), &metrics);
    let ready = format!("lmall-gateway ready on http://{}", listener.local_addr()?);
    let _reader_gone = writeln!(stdout().lock(), "{ready}");
    lmall_web::serve(listener, router, signal).await?;
    Ok(())
}

fn gateway(arguments: &Arguments, metrics: &Metrics) -> anyhow::Result<Gateway> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let redis = arguments.redis_url.as_deref().map(Redis::new).transpose();
    let redis = redis.map_err(|error| BadConfiguration(format!("LMALL_REDIS_URL: {error}")))?;
    let limiter: Arc<dyn RateLimiter> = match redis.clone() {
        Some(redis) => {
            let shared = Arc::new(RedisLimiter::new(redis));
            let shared = SharedLimiter::new(shared, arguments.tasks, Arc::clone(&clock));
            let limiter = Arc::new(shared);
            show_fallback(metrics, &limiter);
            limiter
        }
        None => Arc::new(LocalLimiter::new(Arc::clone(&clock))),
    };
    let identity = match arguments.identity {
        IdentityMode::Direct => Identity::Direct,
        IdentityMode::Token => Identity::Token(Box::new(verifier(arguments, redis, &clock)?)),
    };
    let (options, settings) = (arguments.options.clone(), Settings::default());
    Ok(Gateway { identity, limiter: Some(limiter), options, settings, clock })
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
