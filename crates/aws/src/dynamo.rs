//! The store on DynamoDB.
//!
//! What is read by key or by partition is strongly consistent; an index is not, as the port
//! says. A changeset is one request, and nobody is told that it has not taken effect while it
//! may have.

mod commit;
mod item;
mod keys;
mod plan;
mod provision;
mod range;
mod read;
mod scan;
mod verdict;
mod watch;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};
use lmall_app::{
    Changeset,
    ports::{Clock, CommitError, IndexQuery, Item, Key, Page, Query, Store, StoreError, Table},
};

pub use keys::attribute;
pub use provision::{IndexDefinition, ProvisionError, TableDefinition, create_tables, tables};

use crate::{Clients, Meter};

/// The store. Clones share their connections.
#[derive(Clone)]
pub struct DynamoStore {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    /// Sends each request once: for what must not be sent again without a thought.
    once: Client,
    names: Names,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
}

/// The names of the tables.
struct Names([String; Table::ALL.len()]);

impl Names {
    fn of(&self, table: Table) -> &str {
        let [order, inventory, payment, catalogue, customer] = &self.0;
        match table {
            Table::Order => order,
            Table::Inventory => inventory,
            Table::Payment => payment,
            Table::Catalogue => catalogue,
            Table::Customer => customer,
        }
    }
}

impl DynamoStore {
    /// The store of these clients' site.
    #[must_use]
    pub fn new(clients: &Clients, clock: Arc<dyn Clock>) -> Self {
        let once = clients.dynamo.config().to_builder().retry_config(RetryConfig::disabled());
        let inner = Inner {
            client: clients.dynamo.clone(),
            once: Client::from_conf(once.build()),
            names: Names(Table::ALL.map(|table| clients.site.table(table))),
            clock,
            meter: Arc::clone(&clients.meter),
        };
        Self { inner: Arc::new(inner) }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.inner.get(key).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.query(query).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.inner.query_index(query).await
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        self.inner.commit(&changeset).await
    }
}

fn read_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError(error.into())
}

/// A random pause before the attempt after this one, up to a bound that doubles each time.
fn pause(attempt: u32, first_ms: u64, longest_ms: u64) -> Duration {
    let bound = first_ms.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(longest_ms);
    // Without chance, the longest.
    let chance = getrandom::u64().unwrap_or(bound);
    Duration::from_millis(chance % bound.saturating_add(1))
}
