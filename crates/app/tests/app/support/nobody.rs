//! The ports behind which nobody is.

use std::time::Duration;

use async_trait::async_trait;
use lmall_app::ports::{
    GateAnswer, GateError, GateSnapshot, GatewayError, Key, NoId, OrderIds, PaymentGateway,
    RefundAnswer, RefundRequest, StockGate, Watch,
};
use lmall_domain::{OrderId, Sku, stock::Allocation};

use super::Away;

/// A gate and a provider that do not answer, and what is not asked for here.
pub(crate) struct Nobody;

#[async_trait]
impl StockGate for Nobody {
    async fn hold(&self, _: &Sku, _: OrderId, _: u32) -> Result<GateAnswer, GateError> {
        Err(GateError(Away.into()))
    }

    async fn settle(&self, _: &Sku, _: OrderId) -> Result<(), GateError> {
        Err(GateError(Away.into()))
    }

    async fn cancel(&self, _: &Sku, _: OrderId) -> Result<(), GateError> {
        Err(GateError(Away.into()))
    }

    async fn credit(&self, _: &Sku, _: u8, _: i64) -> Result<(), GateError> {
        Err(GateError(Away.into()))
    }

    async fn close(&self, _: &Sku) -> Result<u64, GateError> {
        Err(GateError(Away.into()))
    }

    async fn open(
        &self,
        _: &Sku,
        _: u64,
        _: Vec<(u8, i64)>,
        _: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<bool, GateError> {
        Err(GateError(Away.into()))
    }

    async fn snapshot(&self, _: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        Err(GateError(Away.into()))
    }
}

#[async_trait]
impl PaymentGateway for Nobody {
    async fn refund(&self, _: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        Err(GatewayError::Transient(Away.to_string()))
    }
}

#[async_trait]
impl Watch for Nobody {
    async fn changed(&self, _: &Key, _: u64, _: Duration) -> bool {
        false
    }
}

impl OrderIds for Nobody {
    fn next(&self) -> Result<OrderId, NoId> {
        Err(NoId)
    }
}
