//! Who sends mails.

use async_trait::async_trait;
use lmall_domain::{
    EventId,
    customer::{Email, MailKind},
};

/// A mail to be sent.
#[derive(Clone)]
pub struct Mail {
    /// Of the event that asks for it: the same mail has the same id.
    pub id: EventId,
    /// Where to.
    pub to: Email,
    /// What for.
    pub purpose: MailKind,
    /// What the answer to it has to carry, where it can be answered: a secret.
    pub token: Option<String>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A mail that may not have been sent.
#[derive(Debug, thiserror::Error)]
#[error("the mail cannot be sent")]
pub struct MailError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands the mail over to who brings it. One that is handed over twice may be brought twice.
    ///
    /// # Errors
    /// When it may not have been taken.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}
