//! The inventory service, asked over the network.

use std::time::Duration;

use async_trait::async_trait;
use http::{Request, StatusCode};
use http_body_util::Full;
use lmall_app::failure::Failure;
use lmall_domain::Sku;
use lmall_web::client::{self, BaseUrl, Client};
use serde::Deserialize;

use crate::Availability;

/// How long the inventory service may take: a read by key, and a slow moment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The inventory service at an address.
pub struct InventoryService {
    base: BaseUrl,
    client: Client,
}

/// What is read of a level; what else it has may grow.
#[derive(Deserialize)]
struct Level {
    available: i64,
}

impl InventoryService {
    /// The service at this address.
    #[must_use]
    pub fn new(base: BaseUrl) -> Self {
        Self { base, client: Client::new() }
    }
}

#[async_trait]
impl Availability for InventoryService {
    async fn available(&self, sku: &Sku) -> Result<i64, Failure> {
        let uri = self.base.join(&format!("/v1/inventory/{sku}"));
        let request = uri.and_then(|uri| Request::get(uri).body(Full::default()));
        let request = request.map_err(client::Error::Unsendable)?;
        let answer = self.client.send(request, ANSWER_TIMEOUT).await?;
        match answer.status {
            StatusCode::OK => {
                let level: Level = serde_json::from_slice(&answer.body)
                    .map_err(|error| Failure::Unavailable(error.into()))?;
                Ok(level.available)
            }
            // It was never received.
            StatusCode::NOT_FOUND => Ok(0),
            other => {
                Err(Failure::Unavailable(format!("the inventory service answered {other}").into()))
            }
        }
    }
}
