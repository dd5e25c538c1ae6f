//! Everything that is kept of a customer, in one document.

use lmall_domain::{CustomerId, customer::Session};
use serde_json::Value;

use super::{Activity, Customers, Seen, profile::ChangeError};

/// Activities read in one query.
const PAGE: usize = 100;

/// What is kept of somebody. No hash of a password or a token is in it: they are of no use to
/// the owner, and of some to who finds the file.
#[derive(Debug, Clone)]
pub struct Export {
    /// The account.
    pub account: Seen,
    /// What happened to it, newest first.
    pub activities: Vec<Activity>,
    /// Its sessions.
    pub sessions: Vec<Session>,
    /// Its orders, as the order service shows them.
    pub orders: Vec<Value>,
}

impl Customers {
    /// Collects what is kept of the customer.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`], or when a part of it cannot be read: half an export is none.
    pub async fn export(&self, id: &CustomerId) -> Result<Export, ChangeError> {
        let account = self.see(id).await?;
        let (mut activities, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.activities(id, after, PAGE).await?;
            activities.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        let sessions = self.sessions(id).await?;
        let orders = self.orders_of(id).await?.into_iter().map(|order| order.document).collect();
        Ok(Export { account, activities, sessions, orders })
    }
}
