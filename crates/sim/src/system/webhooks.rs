//! The provider's way into the payment service.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use lmall_app::{
    Trace,
    payment::{Payments, Received, Webhook as Signed, WebhookError},
};

use super::System;
use crate::provider::{Answer, NAME, Origin, Webhook, WebhookDoor};

/// A door that is there before the system behind it is.
#[derive(Default)]
pub struct Door(OnceLock<Weak<System>>);

impl Door {
    /// What is behind it from now on.
    pub fn lead_to(&self, system: &Arc<System>) {
        self.0.get_or_init(|| Arc::downgrade(system));
    }
}

#[async_trait]
impl WebhookDoor for Door {
    async fn deliver(&self, webhook: Webhook) -> Answer {
        let Some(system) = self.0.get().and_then(Weak::upgrade) else {
            return Answer::NoAnswer;
        };
        let origin = webhook.origin;
        let work = move |payments: Payments| -> BoxFuture<'static, _> {
            Box::pin(async move {
                let headers = webhook.headers.iter();
                let headers: Vec<_> =
                    headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let signed = Signed { headers: &headers, body: &webhook.body };
                payments.receive(NAME, signed, &Trace::default()).await
            })
        };
        match system.ask(work).await {
            Some(Ok(Received { duplicate })) => {
                if origin == Origin::Replayed && !duplicate {
                    system.kernel.violate("I8", "a webhook sent again took effect again");
                }
                Answer::Taken
            }
            Some(Err(WebhookError::Failed(_))) => Answer::NotNow,
            Some(Err(
                WebhookError::UnknownProvider
                | WebhookError::Unauthenticated(_)
                | WebhookError::Unparsable(_),
            )) => Answer::Refused,
            None => Answer::NoAnswer,
        }
    }
}
