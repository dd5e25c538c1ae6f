//! A store on a server of its own.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use lmall_app::{
    Changeset, Refusal, Write,
    ports::{Scan, Store, Table},
};
use lmall_aws::{Clients, DynamoStore, Site, dynamo::create_tables};
use lmall_runtime::SystemClock;

/// Clients of the server at this address; names begin with `prefix`.
pub(crate) fn clients(url: &str, prefix: &str) -> Clients {
    let site = Site {
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(url.to_owned()),
    };
    let credentials = Credentials::new("test", "test", None, None, "test");
    Clients::connect_with(site, SharedCredentialsProvider::new(credentials))
}

/// A store on these clients' tables.
pub(crate) fn store_of(clients: &Clients) -> Arc<DynamoStore> {
    Arc::new(DynamoStore::new(clients, Arc::new(SystemClock::default())))
}

/// A server, and stores on it that know nothing of each other.
pub(crate) struct Stores {
    url: String,
    made: AtomicU32,
}

impl Stores {
    pub(crate) fn at(url: String) -> Self {
        Self { url, made: AtomicU32::new(0) }
    }

    /// An empty store.
    pub(crate) async fn fresh(&self) -> Arc<DynamoStore> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let clients = clients(&self.url, &format!("t{number}"));
        create_tables(&clients).await.expect("tables");
        store_of(&clients)
    }
}

/// Deletes every row.
pub(crate) async fn wipe(store: &DynamoStore) {
    for table in Table::ALL {
        for item in store.scan(table, None, 1_000).await.expect("readable") {
            let delete = Write::Delete(item.key, item.version);
            let changeset = Changeset::new().with(delete, Refusal::Stale);
            store.commit(changeset).await.expect("a row that nobody else writes");
        }
    }
}
