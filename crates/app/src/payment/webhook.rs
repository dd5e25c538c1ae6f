//! Webhooks: verified at the door, stored once, durable before they are answered.

use base64::{Engine, prelude::BASE64_STANDARD};
use lmall_domain::{
    OrderId, PaymentId, ProviderName, Timestamp,
    payment::{Command, Decision},
};
use serde::{Deserialize, Serialize};

use super::{
    Payments, decide,
    signature::{SignatureError, Webhook, verify},
    wire::{Notice, Unparsable, parse},
};
use crate::{
    Changeset, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
    row,
};

/// A webhook that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// It was durable before, and changed nothing now.
    pub duplicate: bool,
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No provider of that name is configured.
    #[error("no such provider")]
    UnknownProvider,
    /// It is not signed by the provider, now.
    #[error(transparent)]
    Unauthenticated(#[from] SignatureError),
    /// It is signed, and cannot be read.
    #[error(transparent)]
    Unparsable(#[from] Unparsable),
    /// The provider has to send it again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A provider's event as it is stored: the evidence.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The provider's id of it.
    pub id: PaymentId,
    /// The provider's name for its kind.
    pub kind: String,
    /// The order that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// When it came, with a valid signature and a fresh time stamp.
    pub verified_at: Timestamp,
    /// The raw body: as text where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The raw body in base64 where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

impl Payments {
    /// Takes a webhook of the provider named `provider`.
    ///
    /// # Errors
    /// [`WebhookError`]: nothing was changed, unless the outcome was unknown to the end.
    pub async fn receive(
        &self,
        provider: &str,
        webhook: Webhook<'_>,
        trace: &Trace,
    ) -> Result<Received, WebhookError> {
        let provider = self.providers.get(provider).ok_or(WebhookError::UnknownProvider)?;
        let now = self.clock.now();
        verify(&provider, webhook, now)?;
        let header_id =
            webhook.headers.iter().find(|(name, _)| *name == "webhook-id").map(|(_, id)| *id);
        let notice = parse(&provider, header_id, webhook.body, now)?;
        Ok(self.record(&provider.name, &notice, webhook.body, trace).await?)
    }

    /// Makes a provider's event durable and lets it take effect, once.
    pub(super) async fn record(
        &self,
        provider: &ProviderName,
        notice: &Notice,
        body: &[u8],
        trace: &Trace,
    ) -> Result<Received, Failure> {
        let salt = u64::try_from(self.clock.now().as_millis()).unwrap_or_default();
        rounds(&*self.clock, salt, || self.record_round(provider, notice, body, trace)).await
    }

    async fn record_round(
        &self,
        provider: &ProviderName,
        notice: &Notice,
        body: &[u8],
        trace: &Trace,
    ) -> Result<Round<Received>, Failure> {
        let now = self.clock.now();
        let key = row::provider_event_key(provider, &notice.id);
        let stored = row::plain(key, &evidence(notice, body, now));
        let changes = Changeset::new().insert(stored, Refusal::AlreadyHandled);
        let changes = match &notice.movement {
            Some((order_id, movement)) => {
                let before = self.load(*order_id).await?;
                let current = before.as_ref().map(|before| &before.value);
                match decide(*order_id, current, Command::Record(movement.clone()), now) {
                    Ok(Decision::Change(payment, event)) => {
                        Self::write(changes, before.as_ref(), &payment, event, now, trace.clone())
                    }
                    Ok(Decision::Nothing) => changes,
                    // Kept as evidence; a person has to look at such an order.
                    Err(rejection) => {
                        let error = rejection.to_string();
                        tracing::error!(order.id = %order_id, error, "provider event not applied");
                        changes
                    }
                }
            }
            None => changes,
        };
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(Received { duplicate: false }),
            Err(Refusal::AlreadyHandled) => Round::Done(Received { duplicate: true }),
            Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
        })
    }
}

fn evidence(notice: &Notice, body: &[u8], now: Timestamp) -> StoredEvent {
    let text = std::str::from_utf8(body).ok().map(str::to_owned);
    StoredEvent {
        id: notice.id.clone(),
        kind: notice.kind.clone(),
        order_id: notice.movement.as_ref().map(|(order_id, _)| *order_id),
        verified_at: now,
        body_base64: text.is_none().then(|| BASE64_STANDARD.encode(body)),
        body: text,
    }
}
