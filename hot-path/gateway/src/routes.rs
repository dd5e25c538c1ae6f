//! Which path belongs to which service.

use std::time::Duration;

use axum::{Router, extract::Request, routing::any};
use lmall_web::{
    RequestContext,
    client::{BaseUrl, Client},
};

use crate::{
    ANSWER_TIMEOUT, SLOW_ROUTE, SLOW_TIMEOUT,
    forward::{Outgoing, Upstream},
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
}

/// What a path begins with, and the service that has it. A prefix ends with a segment.
type Route = (&'static str, fn(&Upstreams) -> &BaseUrl);

const ROUTES: [Route; 6] = [
    ("/v1/orders", |at| &at.order_url),
    ("/v1/products", |at| &at.order_url),
    ("/v1/inventory", |at| &at.inventory_url),
    ("/v1/payments", |at| &at.payment_url),
    ("/v1/webhooks", |at| &at.payment_url),
    ("/v1/ops", |at| &at.ops_url),
];

/// A router that forwards; the longest prefix wins.
pub(crate) fn forwarded(upstreams: &Upstreams) -> Router {
    let client: Client<Outgoing> = Client::new();
    let to = |base: &BaseUrl, timeout: Duration| {
        let upstream = Upstream { base: base.clone(), client: client.clone(), timeout };
        any(move |context: RequestContext, request: Request| async move {
            upstream.forward(&context, request).await
        })
    };
    let mut router = Router::new().route(SLOW_ROUTE, to(&upstreams.ops_url, SLOW_TIMEOUT));
    for (prefix, of) in ROUTES {
        let base = of(upstreams);
        router = router
            .route(prefix, to(base, ANSWER_TIMEOUT))
            .route(&format!("{prefix}/{{*rest}}"), to(base, ANSWER_TIMEOUT));
    }
    router
}
