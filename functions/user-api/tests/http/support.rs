//! The router on ports that never answer.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use lmall_app::{
    customer::{
        COST_MIN, Customers, Keys, MailKey, OrderOf, OrdersOf, Parts, Passwords, StoredRevocations,
    },
    failure::Failure,
    ports::{Chance, Clock},
};
use lmall_domain::CustomerId;
use lmall_user_api::{IdentityProviders, KeyRing};
use lmall_web::testing::Away;

/// A provider that does not answer: nobody listens there.
const PROVIDERS: &str = r#"[{"name":"name","issuer":"http://127.0.0.1:1","client_id":"shop",
    "client_secret":"hush","redirect_url":"http://127.0.0.1:1/callback"}]"#;

/// A router whose every port is away; all it can answer is a problem.
pub(crate) fn router() -> Router {
    let providers = IdentityProviders::parse(PROVIDERS).expect("a provider");
    lmall_user_api::router(customers(), key_ring(), providers)
}

/// Keys that sign at the time of [`Away`].
pub(crate) fn key_ring() -> KeyRing {
    let chance: &dyn Chance = &Sevens;
    KeyRing::new(Keys::made(chance, Away.now())).expect("keys")
}

fn customers() -> Customers {
    let (away, peers) = (Arc::new(Away), Arc::new(Peers));
    Customers::new(Parts {
        store: away.clone(),
        clock: away.clone(),
        chance: Arc::new(Sevens),
        passwords: Arc::new(Passwords::new(COST_MIN, 1).expect("a good cost")),
        tokens: Arc::new(key_ring()),
        revocations: Arc::new(StoredRevocations::new(away.clone(), away)),
        mail_key: Arc::new(MailKey::new([7; 32])),
        orders: peers,
        issuer: "lmall".to_owned(),
    })
}

/// Chance that is none.
struct Sevens;

impl Chance for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// What only this service asks for, away.
struct Peers;

#[async_trait]
impl OrdersOf for Peers {
    async fn page(
        &self,
        _customer: &CustomerId,
        _after: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure> {
        Err(Failure::Unavailable("away".into()))
    }
}
