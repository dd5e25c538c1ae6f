//! The payment provider: it calls the webhook, signed, until it is heard.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Trace,
    payment::{Payments, Provider, Providers, Scheme, Secret, Webhook, WebhookError, sign},
    ports::{Clock, GatewayError, PaymentGateway, RefundAnswer, RefundRequest},
};
use lmall_domain::{Money, OrderId};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::clock::ShopClock;

const NAME: &str = "bank";
const SECRET: &str = "whsec_test";

/// How often a webhook is sent again that nobody took.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A provider with money.
pub(crate) struct Bank {
    clock: Arc<ShopClock>,
    door: OnceLock<Payments>,
    own: Handle,
}

impl Bank {
    /// A provider whose tasks run on the caller's runtime.
    pub(crate) fn new(clock: Arc<ShopClock>) -> Self {
        Self { clock, door: OnceLock::new(), own: Handle::current() }
    }

    /// The configuration of the shop that knows it.
    pub(crate) fn providers() -> Arc<Providers> {
        let name = NAME.parse().expect("a name");
        let secrets = vec![Secret::new(SECRET)];
        let provider = Provider { name, scheme: Scheme::Generic, secrets };
        Arc::new(Providers::new(vec![provider]).expect("a usable provider"))
    }

    /// Webhooks go there from now on.
    pub(crate) fn calls(&self, payments: Payments) {
        assert!(self.door.set(payments).is_ok(), "a bank knows one shop");
    }

    /// The customer pays: the shop is told, until it says that it knows.
    pub(crate) async fn capture(&self, order_id: OrderId, amount: Money) {
        self.tell(event("payment.captured", "cap", order_id, amount, None)).await;
    }

    async fn tell(&self, event: Value) {
        let body = event.to_string();
        let payments = self.door.get().expect("the shop is open");
        loop {
            let headers = sign(&Secret::new(SECRET), body.as_bytes(), self.clock.now());
            let headers: Vec<_> = headers.iter().map(|(name, text)| (*name, &**text)).collect();
            let webhook = Webhook { headers: &headers, body: body.as_bytes() };
            match payments.receive(NAME, webhook, &Trace::default()).await {
                Ok(_) => return,
                Err(WebhookError::Failed(_)) => tokio::time::sleep(RETRY_PAUSE).await,
                Err(error) => panic!("a good webhook is refused: {error}"),
            }
        }
    }
}

fn event(kind: &str, id: &str, order_id: OrderId, amount: Money, refund: Option<&str>) -> Value {
    json!({
        "id": format!("evt_{id}_{order_id}"),
        "type": kind,
        "created": "2026-01-14T10:31:00Z",
        "data": {
            "order_id": order_id,
            "payment_id": format!("pay_{order_id}"),
            "refund_id": refund,
            "amount": amount.amount,
            "currency": amount.currency,
        },
    })
}

/// The way to a bank, for a process of the shop.
pub(crate) struct Counter(pub(crate) Arc<Bank>);

#[async_trait]
impl PaymentGateway for Counter {
    async fn refund(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        let refund = request.id.as_str();
        let told =
            event("payment.refunded", refund, request.order_id, request.amount, Some(refund));
        let bank = Arc::clone(&self.0);
        self.0.own.spawn(async move { bank.tell(told).await });
        Ok(RefundAnswer::Accepted)
    }
}
