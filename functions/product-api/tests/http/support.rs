//! The router on ports that never answer.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use lmall_app::{
    catalogue::{Catalogue, ProductSearch},
    failure::Failure,
    ports::PriceCopies,
};
use lmall_domain::{Sku, event::ProductChanged};
use lmall_product_api::{Availability, Parts, TextIndex};
use lmall_web::{
    OperatorToken,
    testing::{Away, OPERATOR_TOKEN},
};

/// A router whose every port is away; all it can answer is a problem.
pub(crate) fn router() -> Router {
    let catalogue = Catalogue::new(Arc::new(Away), Arc::new(Away), Arc::new(Peers));
    let index = TextIndex::new().expect("there is memory");
    let search = Arc::new(ProductSearch::new(catalogue.clone(), Arc::new(index), 10));
    let parts = Parts { catalogue, search, availability: Arc::new(Peers) };
    lmall_product_api::router(parts, OperatorToken::new(OPERATOR_TOKEN))
}

/// The other services, away.
pub(crate) struct Peers;

fn away() -> Failure {
    Failure::Unavailable("away".into())
}

#[async_trait]
impl Availability for Peers {
    async fn available(&self, _sku: &Sku) -> Result<i64, Failure> {
        Err(away())
    }
}

#[async_trait]
impl PriceCopies for Peers {
    async fn tell(&self, _sku: &Sku, _changed: &ProductChanged) -> Result<(), Failure> {
        Err(away())
    }
}
