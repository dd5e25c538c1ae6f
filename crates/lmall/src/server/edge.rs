//! The gateway in front of the services of this process.

use std::sync::Arc;

use axum::Router;
use lmall_app::{
    limiter::LocalLimiter,
    ports::{Clock, Revocations},
};
use lmall_gateway::{
    Gateway, Identity, IdentityMode, Settings, Target, Verifier, identity::KeysAt,
};
use lmall_web::Metrics;

use crate::cli::ServeArgs;

/// The router behind the very door that it has on AWS, if callers are to be known by tokens;
/// else the router itself.
pub(super) fn before(
    router: Router,
    args: &ServeArgs,
    revocations: Arc<dyn Revocations>,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
) -> Router {
    match args.identity {
        IdentityMode::Direct => router,
        IdentityMode::Token => {
            let keys = KeysAt::new(Target::InProcess(router.clone()), KeysAt::WELL_KNOWN);
            let (keys, issuer) = (Arc::new(keys), args.edge.issuer.clone());
            let verifier = Verifier::new(issuer, keys, revocations, Arc::clone(&clock));
            let gateway = Gateway {
                identity: Identity::Token(Box::new(verifier)),
                limiter: Some(Arc::new(LocalLimiter::new(Arc::clone(&clock)))),
                options: args.edge.clone(),
                settings: Settings::default(),
                clock,
            };
            gateway.before_router(router, metrics)
        }
    }
}
