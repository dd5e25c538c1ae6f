//! The router on ports that never answer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use lmall_app::{
    order::{Orders, Settings},
    ports::{Key, NoId, OrderIds, Watch},
    waiting::AdmissionKeys,
};
use lmall_domain::OrderId;
use lmall_web::{
    OperatorToken,
    testing::{Away, OPERATOR_TOKEN},
};

/// A router whose every port is away; all it can answer is a problem.
pub(crate) fn router() -> Router {
    let settings = Settings { payment_timeout: Duration::from_secs(900) };
    let (away, peers) = (Arc::new(Away), Arc::new(Peers));
    let orders = Orders::new(away.clone(), peers.clone(), away, peers, settings);
    let keys = AdmissionKeys::parse(&format!("a:{}", "5a".repeat(32))).expect("a key");
    let orders = orders.with_admissions(keys);
    let token = || OperatorToken::new(OPERATOR_TOKEN);
    let among_services = lmall_order::among_services(orders.clone(), token());
    lmall_order::router(orders, token()).merge(among_services)
}

/// What only this service asks for: away, but for ids.
struct Peers;

#[async_trait]
impl Watch for Peers {
    async fn changed(&self, _key: &Key, _seen_version: u64, _timeout: Duration) -> bool {
        false
    }
}

impl OrderIds for Peers {
    fn next(&self) -> Result<OrderId, NoId> {
        OrderId::new(7).ok_or(NoId)
    }
}
