//! The user service's use cases: accounts, sessions, and what is kept of a person.
//!
//! It promises that whoever does not own an address learns nothing of whether somebody has an
//! account under it; that no secret is stored as it is shown, and none is in an event; and that
//! what was answered to a customer who leaves is true: nothing personal is left.

mod activity;
mod attempts;
mod confirm;
mod email;
mod erase;
mod export;
mod federated;
mod keys;
mod log_in;
mod mail;
mod merge;
mod move_to;
mod password;
mod profile;
mod register;
mod revoke;
mod row;
mod secret;
mod session;

use std::sync::Arc;

use lmall_domain::{CustomerId, Timestamp, customer::Customer};

pub use activity::{Activity, Deed};
pub use confirm::ConfirmError;
pub use email::{InvalidEmail, parse_email};
pub use erase::{EraseOutcome, OrderOf, OrdersOf};
pub use export::Export;
pub use federated::{FederatedError, Stranger};
pub use keys::{Keys, SigningKey, UnreadableKeys};
pub use log_in::{LogIn, LogInError};
pub use mail::{MailKey, Mails};
pub use merge::{MergeError, Proof};
pub use password::{BadCost, COST, COST_MIN, InvalidPassword, Password, Passwords};
pub use profile::{ChangeError, Seen};
pub use register::{Register, RegisterError};
pub use revoke::StoredRevocations;
pub use session::{Granted, RefreshError, RefreshToken};

use crate::{
    failure::Failure,
    ports::{AccessTokens, Chance, Clock, Revocations, Store, Table},
    row::{Versioned, decode},
};

/// The table of this service.
pub(crate) const TABLE: Table = Table::Customer;

/// What the user service works with.
#[derive(Clone)]
pub struct Parts {
    /// Its rows.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// Passwords.
    pub passwords: Arc<Passwords>,
    /// Who signs.
    pub tokens: Arc<dyn AccessTokens>,
    /// Who is told that a session has ended.
    pub revocations: Arc<dyn Revocations>,
    /// What the tokens in mails are made with.
    pub mail_key: Arc<MailKey>,
    /// The orders of customers.
    pub orders: Arc<dyn OrdersOf>,
    /// Who the access tokens are from.
    pub issuer: String,
}

/// The user service.
#[derive(Clone)]
pub struct Customers {
    parts: Arc<Parts>,
}

impl std::ops::Deref for Customers {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Customers {
    /// The service on these ports.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The account, whatever became of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn load(
        &self,
        id: &CustomerId,
    ) -> Result<Option<Versioned<Customer>>, Failure> {
        self.store.get(&row::customer_key(id)).await?.as_ref().map(decode).transpose()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Decides how long two who meet on a row wait for each other.
    fn salt(&self) -> u64 {
        u64::from_be_bytes(self.chance.bytes())
    }
}
