//! A service, a gateway before it, and who makes tokens for both: each with threads of its own.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use async_trait::async_trait;
use axum::{Router, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use http::header;
use lmall_app::{
    limiter::LocalLimiter,
    ports::{Clock, RevocationError, Revocations},
};
use lmall_domain::{
    Timestamp,
    customer::token::{AUDIENCE, LIFE_SECS},
    id::SessionId,
};
use lmall_gateway::{
    Gateway, ISSUER_DEFAULT, Identity, Options, Settings, Upstreams, Verifier,
    identity::{Jwks, JwksError},
};
use lmall_runtime::SystemClock;
use lmall_web::Metrics;
use serde_json::json;
use tokio::{net::TcpListener, runtime};

/// What is asked for.
pub(super) const PATH: &str = "/v1/orders/7212345678901";

/// What is answered: as long as an order of three lines.
const ANSWER: &[u8] = &[b' '; 900];

/// Customers who take turns.
const CUSTOMERS: usize = 100;

/// More than anybody asks: every request is counted, and none is turned away.
const LIMITS: &str = "read.address=1000000/s:1000000,read.customer=1000000/s:1000000";

/// Threads of the service and of the gateway.
const WORKERS: usize = 2;

/// All of it; it ends with this value.
pub(super) struct Stand {
    service: String,
    gateway: String,
    issuer: Arc<Issuer>,
    clock: Arc<dyn Clock>,
    tokens: Vec<String>,
    _runtimes: [runtime::Runtime; 2],
}

/// Who makes tokens, shows the keys, and ends no session.
struct Issuer(SigningKey);

impl Stand {
    pub(super) fn start() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("no randomness")?;
        let issuer = Arc::new(Issuer(SigningKey::from_bytes(&seed)));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let answer = async || ([(header::CONTENT_TYPE, "application/json")], ANSWER);
        let service = Router::new().route(PATH, get(answer));
        let (behind, service) = serve(lmall_web::finish(service, &Metrics::new()))?;
        let gateway = Gateway {
            identity: Identity::Token(Box::new(issuer.verifier(&clock))),
            limiter: Some(Arc::new(LocalLimiter::new(Arc::clone(&clock)))),
            options: Options { limits: LIMITS.parse()?, ..Options::default() },
            settings: Settings::default(),
            clock: Arc::clone(&clock),
        };
        let router = gateway.before_services(&upstreams(&service)?, Router::new(), &Metrics::new());
        let (before, gateway) = serve(router)?;
        let tokens = (0..CUSTOMERS).map(|number| issuer.token(number, clock.now())).collect();
        Ok(Self { service, gateway, issuer, clock, tokens, _runtimes: [behind, before] })
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// One more that verifies as the gateway does.
    pub(super) fn verifier(&self) -> Verifier {
        self.issuer.verifier(&self.clock)
    }

    /// A token of one of the customers, after `Bearer`.
    pub(super) fn bearer(&self, index: u64) -> String {
        format!("Bearer {}", self.token(index))
    }

    pub(super) fn token(&self, index: u64) -> &str {
        let customers = u64::try_from(CUSTOMERS).unwrap_or(1);
        &self.tokens[usize::try_from(index % customers).unwrap_or(0)]
    }
}

impl Issuer {
    fn verifier(self: &Arc<Self>, clock: &Arc<dyn Clock>) -> Verifier {
        let issuer = ISSUER_DEFAULT.to_owned();
        Verifier::new(issuer, self.clone(), self.clone(), Arc::clone(clock))
    }

    fn token(&self, number: usize, now: Timestamp) -> String {
        let now_s = now.as_secs();
        let claims = json!({
            "iss": ISSUER_DEFAULT, "aud": AUDIENCE, "iat": now_s, "exp": now_s + LIFE_SECS,
            "sub": format!("bench-{number}"), "sid": format!("ses_{number}"), "jti": "1",
        });
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "bench" });
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

#[async_trait]
impl Jwks for Issuer {
    async fn fetch(&self) -> Result<Bytes, JwksError> {
        let x = BASE64_URL_SAFE_NO_PAD.encode(self.0.verifying_key().to_bytes());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "bench", "x": x });
        Ok(json!({ "keys": [key] }).to_string().into())
    }
}

#[async_trait]
impl Revocations for Issuer {
    async fn revoke(&self, _session: &SessionId, _until: Timestamp) -> Result<(), RevocationError> {
        Ok(())
    }

    async fn is_revoked(&self, _session: &SessionId) -> Result<bool, RevocationError> {
        Ok(false)
    }
}

fn upstreams(url: &str) -> Result<Upstreams> {
    let url = || url.parse();
    Ok(Upstreams {
        order_url: url()?,
        inventory_url: url()?,
        payment_url: url()?,
        ops_url: url()?,
        user_url: None,
        product_url: url()?,
        ids_url: None,
    })
}

/// Serves on threads of its own; where.
fn serve(router: Router) -> Result<(runtime::Runtime, String)> {
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = runtime.block_on(TcpListener::bind(any))?;
    let base = format!("http://{}", listener.local_addr()?);
    runtime.spawn(lmall_web::serve(listener, router, std::future::pending()));
    Ok((runtime, base))
}
