//! The router on ports that never answer.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use lmall_app::ports::{
    BusError, DeadLetter, DeadLetterFilter, DeadLetters, Item, Key, Message, QueueDepth, ReplayRun,
    Scan, StoreError, Table,
};
use lmall_ops::Parts;
use lmall_web::{
    OperatorToken,
    testing::{Away, OPERATOR_TOKEN},
};

/// A router whose every port is away; all it can answer is a problem.
pub(crate) fn router() -> Router {
    let (away, peers) = (Arc::new(Away), Arc::new(Peers));
    let parts = Parts { store: away.clone(), scan: peers.clone(), letters: peers, clock: away };
    lmall_ops::router(parts, OperatorToken::new(OPERATOR_TOKEN))
}

/// What only this service asks for, away.
struct Peers;

#[async_trait]
impl Scan for Peers {
    async fn scan(
        &self,
        _table: Table,
        _after: Option<&Key>,
        _limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        Err(StoreError("away".into()))
    }
}

fn away<T>() -> Result<T, BusError> {
    Err(BusError("away".into()))
}

#[async_trait]
impl DeadLetters for Peers {
    async fn list(
        &self,
        _filter: &DeadLetterFilter,
        _limit: usize,
    ) -> Result<Vec<DeadLetter>, BusError> {
        away()
    }

    async fn redrive(&self, _id: &str, _message: Message) -> Result<bool, BusError> {
        away()
    }

    async fn park(&self, _id: &str) -> Result<bool, BusError> {
        away()
    }

    async fn record(&self, _run: &ReplayRun) -> Result<(), BusError> {
        away()
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, BusError> {
        away()
    }
}
