//! The router on ports that never answer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use lmall_app::{
    ports::{GateAnswer, GateError, GateSnapshot, StockGate},
    stock::{Inventory, Settings},
};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use lmall_web::{
    OperatorToken,
    testing::{Away, OPERATOR_TOKEN},
};

/// A router whose every port is away; all it can answer is a problem.
pub(crate) fn router() -> Router {
    let settings = Settings { reservation_grace: Duration::from_secs(300), buckets: 1 };
    let away = Arc::new(Away);
    let inventory = Inventory::new(away.clone(), Arc::new(NoGate), away, settings);
    lmall_inventory::router(inventory, OperatorToken::new(OPERATOR_TOKEN))
}

/// The stock gate, away.
struct NoGate;

fn away() -> GateError {
    GateError("away".into())
}

type Held = Vec<(OrderId, Vec<Allocation>)>;

#[async_trait]
impl StockGate for NoGate {
    async fn hold(&self, _: &Sku, _: OrderId, _: u32) -> Result<GateAnswer, GateError> {
        Err(away())
    }

    async fn settle(&self, _: &Sku, _: OrderId) -> Result<(), GateError> {
        Err(away())
    }

    async fn cancel(&self, _: &Sku, _: OrderId) -> Result<(), GateError> {
        Err(away())
    }

    async fn credit(&self, _: &Sku, _: u8, _: i64) -> Result<(), GateError> {
        Err(away())
    }

    async fn close(&self, _: &Sku) -> Result<u64, GateError> {
        Err(away())
    }

    async fn open(&self, _: &Sku, _: u64, _: Vec<(u8, i64)>, _: Held) -> Result<bool, GateError> {
        Err(away())
    }

    async fn snapshot(&self, _: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        Err(away())
    }
}
