//! A fresh local stack with everything that the bus needs.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use lmall_aws::{
    AwsBus, Clients, DeadLetterBook, Site,
    bus::create_messaging,
    dynamo::attribute::{PARTITION, SORT},
};
use lmall_contract::time::RealTime;
use lmall_runtime::SystemClock;
use lmall_servers::{FaultProxy, LocalAws};

/// A fresh stack, with topics and queues.
pub(crate) struct World {
    pub(crate) aws: LocalAws,
    pub(crate) clients: Clients,
    pub(crate) bus: Arc<AwsBus>,
    pub(crate) book: DeadLetterBook,
    pub(crate) time: Arc<RealTime>,
}

/// Clients of an endpoint.
pub(crate) fn clients(endpoint: &str) -> Clients {
    let account = "111122223333";
    let site = Site {
        region: "eu-central-1".to_owned(),
        account: account.to_owned(),
        prefix: "lmall".to_owned(),
        endpoint: Some(endpoint.to_owned()),
    };
    let credentials = Credentials::new(account, "secret", None, None, "test");
    Clients::connect_with(site, SharedCredentialsProvider::new(credentials))
}

/// A fresh stack.
pub(crate) async fn world() -> World {
    let aws = LocalAws::start();
    let clients = clients(&aws.url());
    create_messaging(&clients).await.expect("an empty stack");
    create_messaging(&clients).await.expect("what is there already stays");
    create_ops_table(&clients).await;
    let bus = Arc::new(AwsBus::new(&clients));
    let book = book(&clients);
    World { aws, clients, bus, book, time: Arc::new(RealTime) }
}

pub(crate) fn book(clients: &Clients) -> DeadLetterBook {
    DeadLetterBook::new(clients, Arc::new(SystemClock::default()))
}

impl World {
    /// The same stack, through a proxy with these rules.
    pub(crate) fn through(&self, rules: &str) -> (FaultProxy, Clients) {
        let proxy = FaultProxy::of_aws(&self.aws.url(), rules);
        let clients = clients(&format!("http://{}", proxy.address()));
        (proxy, clients)
    }
}

async fn create_ops_table(clients: &Clients) {
    let request = clients.dynamo.create_table().table_name(clients.site.ops_table());
    let mut request = request.billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [(PARTITION, KeyType::Hash), (SORT, KeyType::Range)] {
        let column = AttributeDefinition::builder().attribute_name(name);
        let column = column.attribute_type(ScalarAttributeType::S).build().expect("complete");
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        request = request.attribute_definitions(column).key_schema(key.expect("complete"));
    }
    request.send().await.expect("a fresh stack");
}
