//! The `demo` payment provider: it gives money back by calling the webhook, signed, as a real
//! one would.
//!
//! Like a real one it may forget: it keeps what it owes in memory only. Whoever asks again with
//! the same id gets the same event again, so nothing is given back twice and nothing is lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::Request;
use http_body_util::Full;
use lmall_app::{
    failure::chain,
    payment::{Providers, Scheme, Secret, sign},
    ports::{Clock, GatewayError, PaymentGateway, RefundAnswer, RefundRequest},
};
use lmall_web::client::{self, BaseUrl, Client};
use serde_json::json;

/// The name of the provider that gives money back without a bank.
pub const DEMO_PROVIDER: &str = "demo";

/// The pauses before each attempt to deliver a webhook; after the last one, it gives up.
const RETRIES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// How long a webhook may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// The demo provider of an installation. It works where a provider named `demo` with the scheme
/// `generic` and a secret is configured, and refuses every refund elsewhere.
pub struct DemoProvider {
    shop: BaseUrl,
    providers: Arc<Providers>,
    clock: Arc<dyn Clock>,
    client: Client,
}

impl DemoProvider {
    /// The provider that calls the webhook of the shop at this address.
    #[must_use]
    pub fn new(shop: BaseUrl, providers: Arc<Providers>, clock: Arc<dyn Clock>) -> Self {
        Self { shop, providers, clock, client: Client::new() }
    }

    /// The secret that it signs with now, where it is the one that is asked.
    fn secret(&self, provider: &str) -> Option<Secret> {
        let demo = self
            .providers
            .get(provider)
            .filter(|demo| demo.name.as_str() == DEMO_PROVIDER && demo.scheme == Scheme::Generic)?;
        demo.secrets.first().cloned()
    }
}

#[async_trait]
impl PaymentGateway for DemoProvider {
    async fn refund(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        let Some(secret) = self.secret(request.provider.as_str()) else {
            return Err(GatewayError::Permanent(format!(
                "no way to give money back through `{}` is configured; do it by hand, and its \
                 webhook will settle the refund",
                request.provider
            )));
        };
        let event = json!({
            "id": format!("evt_{}", request.id),
            "type": "payment.refunded",
            "created": self.clock.now(),
            "data": {
                "order_id": request.order_id,
                "payment_id": request.payment_id,
                "refund_id": request.id,
                "amount": request.amount.amount,
                "currency": request.amount.currency,
            },
        });
        let (shop, client, clock) = (self.shop.clone(), self.client.clone(), self.clock.clone());
        tokio::spawn(async move {
            for pause in RETRIES {
                clock.sleep(pause).await;
                let signed = webhook(&shop, &secret, event.to_string(), &*clock);
                match deliver(&client, signed).await {
                    Ok(()) => return,
                    Err(error) => tracing::debug!(error, "the demo provider was not heard"),
                }
            }
        });
        Ok(RefundAnswer::Accepted)
    }
}

type Signed = Result<Request<Full<bytes::Bytes>>, http::Error>;

fn webhook(shop: &BaseUrl, secret: &Secret, body: String, clock: &dyn Clock) -> Signed {
    let uri = shop.join(&format!("/v1/webhooks/{DEMO_PROVIDER}"))?;
    let mut request = Request::post(uri).header("content-type", "application/json");
    for (name, value) in sign(secret, body.as_bytes(), clock.now()) {
        request = request.header(name, value);
    }
    request.body(Full::from(body))
}

async fn deliver(client: &Client, request: Signed) -> Result<(), String> {
    let request = request.map_err(client::Error::Unsendable);
    let answer = match request {
        Ok(request) => client.send(request, WEBHOOK_TIMEOUT).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status.is_success() => Ok(()),
        Ok(answer) => Err(answer.status.to_string()),
        Err(error) => Err(chain(&error)),
    }
}
