//! Revocations kept in the table of the user service: for who has no Redis.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_domain::{Timestamp, id::SessionId};
use serde::{Deserialize, Serialize};

use super::row::revocation_key;
use crate::{
    Changeset,
    failure::{Failure, Round, committed, rounds},
    ports::{Clock, RevocationError, Revocations, Store},
    row::{decode, plain},
};

/// Revocations as rows that lapse. They survive a restart, and cost a read for each question.
#[derive(Clone)]
pub struct StoredRevocations {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct Revoked {
    until: Timestamp,
}

impl StoredRevocations {
    /// Revocations in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Revocations for StoredRevocations {
    async fn revoke(&self, session: &SessionId, until: Timestamp) -> Result<(), RevocationError> {
        let key = revocation_key(session);
        let revoked = rounds(&*self.clock, 0, async || {
            let before = self.store.get(&key).await?;
            let known = before.as_ref().map(decode::<Revoked>).transpose()?;
            if known.as_ref().is_some_and(|known| known.value.until >= until) {
                return Ok(Round::Done(()));
            }
            let mut row = plain(key.clone(), &Revoked { until });
            row.expires_at = Some(until);
            let changes = Changeset::new().put(row, known.map_or(0, |known| known.version));
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        });
        revoked.await.map_err(away)
    }

    async fn is_revoked(&self, session: &SessionId) -> Result<bool, RevocationError> {
        let row = self.store.get(&revocation_key(session)).await.map_err(|e| away(e.into()))?;
        let revoked = row.as_ref().map(decode::<Revoked>).transpose().map_err(away)?;
        Ok(revoked.is_some_and(|revoked| revoked.value.until > self.clock.now()))
    }
}

fn away(failure: Failure) -> RevocationError {
    RevocationError(failure.into())
}
