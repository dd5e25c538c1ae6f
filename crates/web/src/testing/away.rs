//! The ports of every service, away.

use std::time::Duration;

use async_trait::async_trait;
use lmall_app::{
    Changeset,
    ports::{Clock, CommitError, IndexQuery, Item, Key, Page, Query, Store, StoreError},
};
use lmall_domain::Timestamp;

/// A store that never answers, and a clock that stands still.
#[derive(Clone, Copy, Debug)]
pub struct Away;

fn away() -> StoreError {
    StoreError("away".into())
}

#[async_trait]
impl Store for Away {
    async fn get(&self, _key: &Key) -> Result<Option<Item>, StoreError> {
        Err(away())
    }

    async fn query(&self, _query: &Query) -> Result<Page, StoreError> {
        Err(away())
    }

    async fn query_index(&self, _query: &IndexQuery) -> Result<Page, StoreError> {
        Err(away())
    }

    async fn commit(&self, _changeset: Changeset) -> Result<(), CommitError> {
        Err(CommitError::Unavailable("away".into()))
    }
}

#[async_trait]
impl Clock for Away {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_768_386_600_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _duration: Duration) {}
}
