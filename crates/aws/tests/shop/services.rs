//! The services, on the adapters for AWS.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use lmall_app::{
    catalogue::Catalogue,
    order::{self, Orders},
    payment::Payments,
    ports::OrderIds,
    relay::Relay,
    stock::{self, Inventory},
};
use lmall_aws::{
    AwsBus, Clients, DynamoStore, Site,
    redis::{Redis, RedisGate},
};

use crate::{
    bank::{Bank, Counter},
    clock::ShopClock,
    record::{Listening, Log, Recorder},
};

/// Twelve digits as a key id are an account of their own on the local stack.
const ACCOUNT: &str = "111122223333";

pub(crate) const PAYMENT_TIMEOUT: Duration = Duration::from_secs(900);
pub(crate) const GRACE: Duration = Duration::from_secs(300);

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    pub(crate) dynamo: String,
    pub(crate) messaging: String,
    pub(crate) redis: String,
}

/// What all processes of one shop share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<ShopClock>,
    pub(crate) bank: Arc<Bank>,
    pub(crate) log: Arc<Log>,
    pub(crate) buckets: u8,
    pub(crate) twice: bool,
}

/// The services of one process.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) reading: Clients,
    pub(crate) writing: Clients,
    pub(crate) messaging: Clients,
    pub(crate) store: Arc<Recorder>,
    pub(crate) bus: Arc<Listening>,
    pub(crate) orders: Orders,
    pub(crate) inventory: Inventory,
    pub(crate) payments: Payments,
    pub(crate) catalogue: Catalogue,
    pub(crate) relay: Relay,
}

impl Services {
    pub(crate) fn new(endpoints: &Endpoints, shared: &Shared, ids: Arc<dyn OrderIds>) -> Self {
        let clock = shared.clock.clone();
        let (reading, writing) = (clients(&endpoints.dynamo), clients(&endpoints.dynamo));
        let messaging = clients(&endpoints.messaging);
        let store = Arc::new(Recorder {
            reading: DynamoStore::new(&reading, clock.clone()),
            writing: DynamoStore::new(&writing, clock.clone()),
            log: shared.log.clone(),
        });
        let bus = AwsBus::new(&messaging);
        let bus = Arc::new(Listening { bus, log: shared.log.clone(), twice: shared.twice });
        let gate = RedisGate::new(Redis::new(&endpoints.redis).expect("an address"));
        let watch = Arc::new(store.reading.clone());
        let settings = order::Settings { payment_timeout: PAYMENT_TIMEOUT };
        let orders =
            Orders::new(store.clone(), watch, clock.clone(), ids, settings).with_kept_offers();
        let settings = stock::Settings { reservation_grace: GRACE, buckets: shared.buckets };
        let inventory = Inventory::new(store.clone(), Arc::new(gate), clock.clone(), settings);
        let counter = Arc::new(Counter(shared.bank.clone()));
        let payments = Payments::new(store.clone(), counter, clock.clone(), Bank::providers());
        let copies = Arc::new(orders.clone());
        let catalogue = Catalogue::new(store.clone(), clock.clone(), copies);
        let relay = Relay::new(store.clone(), bus.clone(), clock);
        Self {
            reading,
            writing,
            messaging,
            store,
            bus,
            orders,
            inventory,
            payments,
            catalogue,
            relay,
        }
    }
}

/// Clients of the server at this address.
pub(crate) fn clients(url: &str) -> Clients {
    let site = Site {
        region: "us-east-1".to_owned(),
        account: ACCOUNT.to_owned(),
        prefix: "lmall".to_owned(),
        endpoint: Some(url.to_owned()),
    };
    let credentials = Credentials::new(ACCOUNT, "secret", None, None, "test");
    Clients::connect_with(site, SharedCredentialsProvider::new(credentials))
}
