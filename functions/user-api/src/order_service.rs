//! The order service, asked over the network.

use async_trait::async_trait;
use http::StatusCode;
use lmall_app::{
    customer::{OrderOf, OrdersOf},
    failure::Failure,
};
use lmall_domain::CustomerId;
use lmall_web::client::{BaseUrl, Peer};
use serde::Deserialize;
use serde_json::Value;

/// Orders asked for at once: with forty lines each they stay below what a client reads.
const LIMIT: u32 = 20;

/// What an order that has ended says of itself. One that says something else goes on.
const ENDED: [&str; 2] = ["CONFIRMED", "CANCELED"];

/// The order service at an address, as the customer sees it.
pub struct OrderService(Peer);

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
        Self(Peer::new("order", base))
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
        let path = format!("/v1/orders?limit={LIMIT}{cursor}");
        let answer = self.0.get_as(customer, &path).await?;
        let page: Page = self.0.expect(answer, StatusCode::OK)?.json()?;
        let orders = page.items.into_iter().map(|document| {
            let is_open =
                !document["status"].as_str().is_some_and(|status| ENDED.contains(&status));
            OrderOf { is_open, document }
        });
        Ok((orders.collect(), page.next_cursor))
    }
}
