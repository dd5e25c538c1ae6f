//! The `demo` payment provider: it gives money back by calling the webhook, signed, as a real
//! one would.
//!
//! Like a real one it may forget: it keeps what it owes in memory only. Whoever asks again with
//! the same id gets the same event again, so nothing is given back twice and nothing is lost.

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    payment::Secret,
    ports::{GatewayError, PaymentGateway, RefundAnswer, RefundRequest},
};
use serde_json::json;

use crate::client::{Api, DEMO_PROVIDER, now};

/// The pauses before each attempt to deliver a webhook; after the last one, it gives up.
const RETRIES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// The demo provider of an installation.
pub(super) struct DemoProvider {
    api: Option<Api>,
}

impl DemoProvider {
    /// The provider that calls the server at `address`; without a secret it refuses refunds.
    ///
    /// # Errors
    /// When the address cannot be called.
    pub(super) fn new(address: SocketAddr, secret: Option<&Secret>) -> anyhow::Result<Self> {
        // A server that listens on every address is called on this machine's own.
        let host = if address.ip().is_unspecified() {
            format!("127.0.0.1:{}", address.port())
        } else {
            address.to_string()
        };
        let api =
            |secret: &Secret| Api::new(&format!("http://{host}"), None, Some(secret.expose()));
        Ok(Self { api: secret.map(api).transpose()? })
    }

    /// A provider that nobody can reach.
    pub(super) const fn absent() -> Self {
        Self { api: None }
    }
}

#[async_trait]
impl PaymentGateway for DemoProvider {
    async fn refund(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        let api = self.api.clone().filter(|_| request.provider.as_str() == DEMO_PROVIDER);
        let Some(api) = api else {
            return Err(GatewayError::Permanent(format!(
                "no way to give money back through `{}` is configured; do it by hand, and its \
                 webhook will settle the refund",
                request.provider
            )));
        };
        let event = json!({
            "id": format!("evt_{}", request.id),
            "type": "payment.refunded",
            "created": now(),
            "data": {
                "order_id": request.order_id,
                "payment_id": request.payment_id,
                "refund_id": request.id,
                "amount": request.amount.amount,
                "currency": request.amount.currency,
            },
        });
        tokio::spawn(async move {
            for pause in RETRIES {
                tokio::time::sleep(pause).await;
                match api.webhook(&event).await {
                    Ok(_) => return,
                    Err(error) => tracing::debug!(%error, "the demo provider was not heard"),
                }
            }
        });
        Ok(RefundAnswer::Accepted)
    }
}
