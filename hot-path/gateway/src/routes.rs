//! The door, and behind it the service whose path a request has.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::any,
};
use lmall_app::ports::{Clock, RateLimiter};
use lmall_domain::breaker;
use lmall_web::{
    Metrics, RequestContext,
    client::{BaseUrl, Client},
};
use tower::ServiceExt;

use crate::{
    ANSWER_TIMEOUT, BREAKER, DOCUMENT, SLOW_ROUTE, SLOW_TIMEOUT,
    counters::{Counters, UpstreamCounters},
    edge::Edge,
    forward::{outgoing, returned},
    front::{Front, dress, preflight},
    identity::{Identity, strip_claims},
    limits::Limiter,
    options::Options,
    service::{Class, Kind, ROUTES, Route, Service},
    upstream::{Bounds, Outgoing, Places, Target, Upstream},
};

/// Where the services are.
#[derive(Debug, Clone, clap::Args)]
pub struct Upstreams {
    /// Where the order service is
    #[arg(long, env = "LMALL_ORDER_URL", value_name = "URL")]
    pub order_url: BaseUrl,
    /// Where the inventory service is
    #[arg(long, env = "LMALL_INVENTORY_URL", value_name = "URL")]
    pub inventory_url: BaseUrl,
    /// Where the payment service is
    #[arg(long, env = "LMALL_PAYMENT_URL", value_name = "URL")]
    pub payment_url: BaseUrl,
    /// Where the operator service is
    #[arg(long, env = "LMALL_OPS_URL", value_name = "URL")]
    pub ops_url: BaseUrl,
    /// Where the user service is; without it there are no customers to log in
    #[arg(long, env = "LMALL_USER_URL", value_name = "URL")]
    pub user_url: Option<BaseUrl>,
    /// Where the product service is
    #[arg(long, env = "LMALL_PRODUCT_URL", value_name = "URL")]
    pub product_url: BaseUrl,
    /// Where the id generator is; without it there are no ids to draw
    #[arg(long, env = "LMALL_IDS_URL", value_name = "URL")]
    pub ids_url: Option<BaseUrl>,
}

/// The routes whose services all have them.
const COMMON: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/openapi.json"];

/// A gateway before it is opened.
pub struct Gateway {
    /// How callers are known.
    pub identity: Identity,
    /// Who keeps count of requests; nobody, and there are no limits.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    /// What it is configured with.
    pub options: Options,
    /// What it waits for, and how many of what.
    pub settings: Settings,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What the gateway waits for, and how many requests it takes.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The longest time for the head of an answer.
    pub answer_timeout: Duration,
    /// When a service is left alone.
    pub breaker: breaker::Settings,
    /// How many requests may be under way.
    pub bounds: Bounds,
}

impl Default for Settings {
    fn default() -> Self {
        let (answer_timeout, bounds) = (ANSWER_TIMEOUT, Bounds::default());
        Self { answer_timeout, breaker: BREAKER, bounds }
    }
}

impl Upstreams {
    fn base(&self, service: Service) -> Option<&BaseUrl> {
        match service {
            Service::User => self.user_url.as_ref(),
            Service::Product => Some(&self.product_url),
            Service::Order => Some(&self.order_url),
            Service::Inventory => Some(&self.inventory_url),
            Service::Payment => Some(&self.payment_url),
            Service::Ops => Some(&self.ops_url),
            Service::Ids => self.ids_url.as_ref(),
            Service::Waiting => None,
        }
    }
}

impl Gateway {
    /// A router that forwards to services at addresses, and has the routes that every service has.
    /// What is served here, `own`, is behind the same door.
    ///
    /// It is ready when it answers: one service that is away is no reason to turn away the
    /// requests of the others.
    pub fn before_services(self, at: &Upstreams, own: Router, metrics: &Metrics) -> Router {
        let client: Box<Client<Outgoing>> = Box::default();
        let target = |service| Some(Target::Http(at.base(service)?.clone(), client.clone()));
        let plain = lmall_web::health::routes(metrics.clone(), || Box::pin(async { Ok(()) }))
            .merge(lmall_web::openapi::written(DOCUMENT));
        self.router(target, plain, own, metrics, metrics)
    }

    /// A router that forwards to services in this process, which are one finished router and have
    /// the common routes, too.
    ///
    /// Requests are counted where they were: by the services.
    pub fn before_router(self, services: Router, metrics: &Metrics) -> Router {
        let behind = services.clone();
        let common = any(move |mut request: Request| {
            strip_claims(request.headers_mut());
            *request.extensions_mut() = http::Extensions::default();
            behind.clone().oneshot(request)
        });
        let plain =
            COMMON.iter().fold(Router::new(), |router, path| router.route(path, common.clone()));
        let target = move |_| Some(Target::InProcess(services.clone()));
        self.router(target, plain, Router::new(), metrics, &Metrics::new())
    }

    /// The longest prefix wins.
    fn router(
        self,
        target: impl Fn(Service) -> Option<Target>,
        plain: Router,
        own: Router,
        metrics: &Metrics,
        http_metrics: &Metrics,
    ) -> Router {
        let Self { identity, limiter, options, settings, clock } = self;
        let limits = options.limits;
        let edge = Arc::new(Edge {
            identity,
            limiter: limiter.map(|keeper| Limiter { limits, keeper }),
            trusted_proxies: options.trusted_proxies.into(),
            counters: Counters::new(metrics),
        });
        let bounds = settings.bounds;
        let all = Arc::new(Places::new(bounds.all, &bounds));
        let mut router = own.layer(from_fn_with_state(Arc::clone(&edge), guarded)).merge(plain);
        for service in Service::ALL {
            let Some(target) = target(service) else { continue };
            let places = [Arc::new(Places::new(bounds.service, &bounds)), Arc::clone(&all)];
            let counters = UpstreamCounters::new(service, metrics);
            let upstream =
                Upstream::new(target, settings.breaker, places, Arc::clone(&clock), counters);
            let upstream = Arc::new(upstream);
            show_breaker(metrics, &upstream);
            for route in ROUTES.iter().filter(|route| route.service == service) {
                router = forwarding(router, route, &edge, &upstream, settings.answer_timeout);
            }
        }
        let front = Arc::new(Front { origins: options.cors_origins, hsts: options.hsts });
        let router = router.layer(from_fn_with_state(Arc::clone(&front), preflight));
        let router = lmall_web::finish_with(router, http_metrics, &[SLOW_ROUTE]);
        router.layer(from_fn_with_state(front, dress)).with_state(())
    }
}

fn forwarding(
    router: Router,
    route: &'static Route,
    edge: &Arc<Edge>,
    upstream: &Arc<Upstream>,
    answer_timeout: Duration,
) -> Router {
    let is_slow = route.prefix == SLOW_ROUTE;
    let within = if is_slow { SLOW_TIMEOUT } else { answer_timeout };
    let (edge, upstream) = (Arc::clone(edge), Arc::clone(upstream));
    let forward = any(move |context: RequestContext, request: Request| {
        let (edge, upstream) = (Arc::clone(&edge), Arc::clone(&upstream));
        async move { forward(&edge, &upstream, route.kind, within, &context, request).await }
    });
    let router = router.route(route.prefix, forward.clone());
    if is_slow { router } else { router.route(&format!("{}/{{*rest}}", route.prefix), forward) }
}

async fn forward(
    edge: &Edge,
    upstream: &Upstream,
    kind: Kind,
    within: Duration,
    context: &RequestContext,
    mut request: Request,
) -> Response {
    let class = Class::of(kind, request.method());
    let verdict = match edge.admit(class, &mut request).await {
        Ok(verdict) => verdict,
        Err(refused) => return refused,
    };
    let forwarded = match outgoing(context, request) {
        Ok(forwarded) => upstream.send(class, forwarded, within).await,
        Err(problem) => Err(problem),
    };
    let mut response = forwarded.map_or_else(IntoResponse::into_response, returned);
    if let Some(verdict) = verdict {
        verdict.show(response.headers_mut());
    }
    response
}

/// The door before what is served here.
async fn guarded(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let class = Class::of(Kind::Ordinary, request.method());
    match edge.admit(class, &mut request).await {
        Ok(verdict) => {
            let mut response = next.run(request).await;
            if let Some(verdict) = verdict {
                verdict.show(response.headers_mut());
            }
            response
        }
        Err(refused) => refused,
    }
}

fn show_breaker(metrics: &Metrics, upstream: &Arc<Upstream>) {
    let upstream = Arc::clone(upstream);
    metrics.on_scrape(Box::new(move || upstream.counters.show(upstream.phase())));
}
