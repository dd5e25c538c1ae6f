//! Mails on AWS: handed over to EventBridge, for whatever sends an installation's mails.
//!
//! An event has the address and the token of one mail. Nobody but the sender may listen to
//! [`MAIL_SOURCE`], and it must not be archived: the rule for operators does not match it.

use async_trait::async_trait;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lmall_app::ports::{Mail, MailError, Mailer};
use serde_json::json;

use crate::EventBridge;

/// What events that are mails say that they come from.
pub const MAIL_SOURCE: &str = "lmall.mail";

#[async_trait]
impl Mailer for EventBridge {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let detail = json!({
            "id": mail.id,
            "to": mail.to,
            "purpose": mail.purpose,
            "token": mail.token,
        });
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(self.bus())
            .source(MAIL_SOURCE)
            .detail_type("mail")
            .detail(detail.to_string())
            .build();
        self.put_until_taken(&entry).await.map_err(|error| MailError(error.into()))
    }
}
