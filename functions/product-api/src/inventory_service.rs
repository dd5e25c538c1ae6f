//! The inventory service, asked over the network.

use async_trait::async_trait;
use http::StatusCode;
use lmall_app::failure::Failure;
use lmall_domain::Sku;
use lmall_web::client::{BaseUrl, Peer};
use serde::Deserialize;

use crate::Availability;

/// The inventory service at an address.
pub struct InventoryService(Peer);

/// What is read of a level; what else it has may grow.
#[derive(Deserialize)]
struct Level {
    available: i64,
}

impl InventoryService {
    /// The service at this address.
    #[must_use]
    pub fn new(base: BaseUrl) -> Self {
        Self(Peer::new("inventory", base))
    }
}

#[async_trait]
impl Availability for InventoryService {
    async fn available(&self, sku: &Sku) -> Result<i64, Failure> {
        let answer = self.0.get(&format!("/v1/inventory/{sku}")).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.json::<Level>()?.available),
            // It was never received.
            StatusCode::NOT_FOUND => Ok(0),
            _ => Err(self.0.unexpected(&answer)),
        }
    }
}
