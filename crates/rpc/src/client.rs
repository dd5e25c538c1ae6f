//! The other side: clients that never wait longer than their call has.

use std::{str::FromStr, time::Duration};

use http::Uri;
use lmall_app::{failure::Failure, stock::Level};
use lmall_domain::{Sku, money::Currency};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::{
    call::Call,
    pb::{inventory as stock, product},
    quotes::{self, Line, Quote},
    server::ANSWER_LEN_MAX,
    status::failure,
};

/// How often a silent server is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address such as http://inventory.internal:9090")]
pub struct BadAddress(String);

/// A connection that is made with the first call, and made again when it breaks; clones share
/// it.
#[derive(Debug, Clone)]
pub struct Connection(Channel);

impl FromStr for Connection {
    type Err = BadAddress;

    /// # Panics
    /// Outside a tokio runtime.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("http") || uri.path() != "/" || uri.query().is_some() {
            return Err(bad());
        }
        let endpoint = Endpoint::from(uri)
            .connect_timeout(lmall_web::client::CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .tcp_nodelay(true);
        Ok(Self(endpoint.connect_lazy()))
    }
}

/// Asks the inventory service.
#[derive(Debug, Clone)]
pub struct InventoryClient(stock::inventory_client::InventoryClient<Channel>);

impl InventoryClient {
    /// Over this connection.
    #[must_use]
    pub fn new(Connection(channel): Connection) -> Self {
        let client = stock::inventory_client::InventoryClient::new(channel);
        Self(client.max_decoding_message_size(ANSWER_LEN_MAX))
    }

    /// The stock of a SKU; `None` when it was never received.
    ///
    /// # Errors
    /// When no answer comes in the time of the call.
    pub async fn level(&self, call: &Call, sku: &Sku) -> Result<Option<Level>, Failure> {
        let request = call.onward(stock::GetAvailabilityRequest { sku: sku.to_string() });
        let answered = self.0.clone().get_availability(request).await;
        let answer = match answered {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(failure(status)),
        };
        Ok(answer.availability.map(level))
    }

    /// The stock of several SKUs, at most [`SKUS_MAX`](crate::SKUS_MAX) of them, in their order.
    /// Those that were never received are left out.
    ///
    /// # Errors
    /// When no answer comes in the time of the call.
    pub async fn levels(&self, call: &Call, skus: &[Sku]) -> Result<Vec<(Sku, Level)>, Failure> {
        let skus = skus.iter().map(ToString::to_string).collect();
        let request = call.onward(stock::BatchGetAvailabilityRequest { skus });
        let answered = self.0.clone().batch_get_availability(request).await;
        let levels = answered.map_err(failure)?.into_inner().availabilities;
        let named = |availability: stock::Availability| {
            let sku = availability.sku.parse().map_err(|_| unreadable())?;
            Ok((sku, level(availability)))
        };
        levels.into_iter().map(named).collect()
    }
}

/// Asks the product service.
#[derive(Debug, Clone)]
pub struct QuotesClient(product::quotes_client::QuotesClient<Channel>);

impl QuotesClient {
    /// Over this connection.
    #[must_use]
    pub fn new(Connection(channel): Connection) -> Self {
        let client = product::quotes_client::QuotesClient::new(channel);
        Self(client.max_decoding_message_size(ANSWER_LEN_MAX))
    }

    /// What the lines, each SKU once, cost now; `None` when one of them has no price in this
    /// currency.
    ///
    /// # Errors
    /// When no answer comes in the time of the call.
    pub async fn quote(
        &self,
        call: &Call,
        lines: &[Line],
        currency: Currency,
    ) -> Result<Option<Quote>, Failure> {
        let line =
            |line: &Line| product::Line { sku: line.sku.to_string(), quantity: line.quantity };
        let lines = lines.iter().map(line).collect();
        let currency = currency.code().to_owned();
        let request = call.onward(product::GetQuoteRequest { lines, currency });
        match self.0.clone().get_quote(request).await {
            Ok(answer) => quotes::read(answer.into_inner()).map(Some).ok_or_else(unreadable),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(failure(status)),
        }
    }
}

fn level(availability: stock::Availability) -> Level {
    let stock::Availability { available, reserved, sold, sku: _ } = availability;
    Level { available, reserved, sold }
}

fn unreadable() -> Failure {
    Failure::Unavailable("an answer over gRPC is not what was asked for".into())
}
