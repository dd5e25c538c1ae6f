//! What happened to an account, for its owner to look through.
//!
//! A row for each, newest first, kept for [`RETENTION`]. It says what and when, and nothing of
//! where from: an address of the network would be one more thing to keep safe, and says little.

use std::time::Duration;

use lmall_domain::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Customers, TABLE, row};
use crate::{
    failure::Failure,
    ports::{NewRow, Query},
    row::decode,
};

/// How long it is kept: whoever wonders about something finds it after half a year.
pub(super) const RETENTION: Duration = Duration::from_secs(180 * 86_400);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The account was made.
    Registered,
    /// The address was proved to be theirs.
    EmailVerified,
    /// A session began with the password.
    LoggedIn,
    /// A session began with an identity provider.
    LoggedInElsewhere,
    /// A session was ended.
    LoggedOut,
    /// Every session was ended.
    LoggedOutEverywhere,
    /// A refresh token came twice: its session was ended.
    TokenReused,
    /// Mail goes to another address, which was proved to be theirs.
    EmailChanged,
    /// The password was changed by who knew the old one.
    PasswordChanged,
    /// The password was changed by who reads the mail.
    PasswordReset,
    /// An identity provider was linked.
    IdentityLinked,
    /// Another account became part of this one.
    AccountMerged,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// When.
    pub at: Timestamp,
    /// What.
    pub deed: Deed,
}

impl Customers {
    /// What happened to the account, newest first, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn activities(
        &self,
        id: &CustomerId,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Activity>, Option<String>), Failure> {
        let query = Query {
            table: TABLE,
            partition: row::of(id),
            prefix: row::ACTIVITY_PREFIX.to_owned(),
            after,
            limit,
            descending: true,
        };
        let page = self.store.query(&query).await?;
        let found = page.items.iter().map(|item| decode(item).map(|row| row.value));
        Ok((found.collect::<Result<_, _>>()?, page.next))
    }

    /// The row that says so.
    pub(super) fn deed(&self, id: &CustomerId, deed: Deed, at: Timestamp) -> NewRow {
        row::activity(id, &Activity { at, deed }, self.salt())
    }
}
