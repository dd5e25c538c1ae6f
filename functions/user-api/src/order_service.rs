//! The order service, asked over the network.

use std::time::Duration;

use async_trait::async_trait;
use http::{Request, StatusCode};
use http_body_util::Full;
use lmall_app::{
    customer::{OrderOf, OrdersOf},
    failure::Failure,
};
use lmall_domain::CustomerId;
use lmall_web::{
    client::{self, BaseUrl, Client},
    extract::X_CUSTOMER_ID,
};
use serde::Deserialize;
use serde_json::Value;

/// How long the order service may take: a page of an index, and a slow moment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Orders asked for at once: with forty lines each they stay below what a client reads.
const LIMIT: u32 = 20;

/// What an order that has ended says of itself. One that says something else goes on.
const ENDED: [&str; 2] = ["CONFIRMED", "CANCELED"];

/// The order service at an address, as the customer sees it.
pub struct OrderService {
    base: BaseUrl,
    client: Client,
}

/// A page of orders; what else it has may grow.
#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

impl OrderService {
    /// The service at this address.
    #[must_use]
    pub fn new(base: BaseUrl) -> Self {
        Self { base, client: Client::new() }
    }
}

#[async_trait]
impl OrdersOf for OrderService {
    async fn page(
        &self,
        customer: &CustomerId,
        after: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure> {
        let cursor = after.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let uri = self.base.join(&format!("/v1/orders?limit={LIMIT}{cursor}"));
        let request = uri.and_then(|uri| {
            Request::get(uri).header(X_CUSTOMER_ID, customer.as_str()).body(Full::default())
        });
        let request = request.map_err(client::Error::Unsendable)?;
        let answer = self.client.send(request, ANSWER_TIMEOUT).await?;
        if answer.status != StatusCode::OK {
            let what = format!("the order service answered {}", answer.status);
            return Err(Failure::Unavailable(what.into()));
        }
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::Unavailable(error.into()))?;
        let orders = page.items.into_iter().map(|document| {
            let is_open =
                !document["status"].as_str().is_some_and(|status| ENDED.contains(&status));
            OrderOf { is_open, document }
        });
        Ok((orders.collect(), page.next_cursor))
    }
}
