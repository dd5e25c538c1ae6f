//! What operators are told, through EventBridge.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lmall_app::{
    failure::chain,
    ports::{Notice, Notices},
};
use serde_json::json;

use crate::{Clients, Site};

/// What the events say that they come from.
pub const SOURCE: &str = "lmall";

/// How often an event is put before it is only logged.
const TRIES: u32 = 3;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest that telling keeps the caller.
const WITHIN: Duration = Duration::from_secs(5);

/// The name of the event bus: `lmall-operations`.
#[must_use]
pub fn bus_name(site: &Site) -> String {
    format!("{}-operations", site.prefix)
}

/// The event bus of a site.
#[derive(Clone)]
pub struct EventBridge {
    clients: Clients,
}

impl EventBridge {
    /// The event bus of these clients' site.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self { clients: clients.clone() }
    }

    async fn put(&self, entry: &PutEventsRequestEntry) -> Result<(), String> {
        let answer = self.clients.events.put_events().entries(entry.clone()).send().await;
        let answer = answer.map_err(|error| chain(&error))?;
        let said = answer.entries().first().ok_or("the answer does not mention the event")?;
        match said.error_code() {
            None if said.event_id().is_some() => Ok(()),
            code => {
                let text = said.error_message().unwrap_or_default();
                Err(format!("{}: {text}", code.unwrap_or("no event id")))
            }
        }
    }

    pub(crate) fn bus(&self) -> String {
        bus_name(&self.clients.site)
    }

    pub(crate) async fn put_until_taken(
        &self,
        entry: &PutEventsRequestEntry,
    ) -> Result<(), String> {
        let mut result = self.put(entry).await;
        for _ in 1..TRIES {
            if result.is_ok() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            result = self.put(entry).await;
        }
        result
    }
}

/// The detail of a notice.
#[must_use]
pub fn detail(notice: &Notice) -> serde_json::Value {
    match notice {
        Notice::MessageParked { queue, id, event_type, order_id, cause } => json!({
            "queue": queue,
            "id": id,
            "event_type": event_type,
            "order_id": order_id,
            "cause": cause,
        }),
        Notice::ReconciliationDiffers { rows, differs } => {
            json!({ "rows": rows, "differs": differs })
        }
        Notice::GateDrifted { skus } => json!({ "skus": skus }),
    }
}

#[async_trait]
impl Notices for EventBridge {
    async fn tell(&self, notice: Notice) {
        let (detail_type, detail) = (notice.name(), detail(&notice));
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus_name(&self.clients.site))
            .source(SOURCE)
            .detail_type(detail_type)
            .detail(detail.to_string())
            .build();
        let told = tokio::time::timeout(WITHIN, self.put_until_taken(&entry)).await;
        let told = told.unwrap_or_else(|_| Err("EventBridge does not answer in time".to_owned()));
        if let Err(error) = told {
            tracing::error!(notice = detail_type, detail = %detail, error, "not told");
        }
    }
}
