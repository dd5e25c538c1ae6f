//! What this function has no use for.

use async_trait::async_trait;
use lmall_app::{
    customer::{OrderOf, OrdersOf},
    failure::Failure,
    ports::{AccessTokens, SignError},
};
use lmall_domain::{CustomerId, Timestamp, customer::token::Claims};

/// Nobody logs in here, and nobody asks for orders.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl AccessTokens for Nobody {
    fn sign(&self, _: &Claims, _: Timestamp) -> Result<String, SignError> {
        Err(SignError("nobody logs in here".into()))
    }
}

#[async_trait]
impl OrdersOf for Nobody {
    async fn page(
        &self,
        _: &CustomerId,
        _: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure> {
        Err(Failure::Never("nobody asks for orders here".to_owned()))
    }
}
