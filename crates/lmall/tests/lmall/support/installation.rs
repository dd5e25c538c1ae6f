//! A local AWS stack, Redis, and the six services.

use std::{sync::Arc, time::Duration};

use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use lmall_app::{
    ports::{DeadLetters, Table},
    relay::Relay,
    topology::Queue,
};
use lmall_aws::{
    AwsBus, Clients, DeadLetterBook, DynamoStore, Site, bus::create_messaging,
    dynamo::create_tables,
};
use lmall_runtime::SystemClock;
use lmall_servers::{LocalAws, Redis};
use rustix::process::Signal;
use tokio::task::JoinHandle;

use super::{OPERATOR_TOKEN, PROVIDERS, Service, eventually};

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ACCOUNT: &str = "111122223333";

/// Of a shop that is gone when its test is.
const ADMISSION_KEYS: &str = "a:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// The pause between two looks of the relay at what is pending.
const RELAY_PAUSE: Duration = Duration::from_millis(50);

/// All of it; it ends with this value.
pub(crate) struct Installation {
    pub(crate) order: Service,
    pub(crate) inventory: Service,
    pub(crate) payment: Service,
    pub(crate) product: Service,
    pub(crate) ops: Service,
    pub(crate) gateway: Service,
    /// Looks into the queues.
    letters: DeadLetterBook,
    relay: JoinHandle<()>,
    _aws: LocalAws,
    _redis: Redis,
}

impl Installation {
    /// Tables, topics, queues, services; and a relay that looks at what is pending, in place of
    /// the function that hears the change stream.
    pub(crate) async fn start(more: &[(&str, &str)]) -> Self {
        let (aws, redis) = (LocalAws::start(), Redis::start());
        let clients = clients(&aws.url());
        create_tables(&clients).await.expect("an empty stack");
        create_messaging(&clients).await.expect("an empty stack");
        let letters = DeadLetterBook::new(&clients, Arc::new(SystemClock::default()));
        let relay = tokio::spawn(relay(clients));
        let (endpoint, redis_url) = (aws.url(), redis.url());
        let common = [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("LMALL_AWS_ACCOUNT", ACCOUNT),
            ("LMALL_AWS_ENDPOINT", &endpoint),
            ("LMALL_REDIS_URL", &redis_url),
            ("LMALL_OPERATOR_TOKEN", OPERATOR_TOKEN),
            ("LMALL_PROVIDERS", PROVIDERS),
            ("LMALL_ADMISSION_KEYS", ADMISSION_KEYS),
            ("LMALL_LOG", "warn"),
        ];
        let start = |name: &str, urls: &[(&str, &str)]| {
            Service::start(name, &[&common, urls, more].concat())
        };
        let inventory = start("lmall-inventory", &[]);
        let order = start("lmall-order", &[]);
        let beside =
            [("LMALL_INVENTORY_URL", inventory.url.as_str()), ("LMALL_ORDER_URL", &order.url)];
        let product = start("lmall-product", &beside);
        let payment = start("lmall-payment", &[("LMALL_ORDER_URL", &order.url)]);
        let ops = start("lmall-ops", &[]);
        let urls = [
            ("LMALL_ORDER_URL", order.url.as_str()),
            ("LMALL_INVENTORY_URL", &inventory.url),
            ("LMALL_PAYMENT_URL", &payment.url),
            ("LMALL_PRODUCT_URL", &product.url),
            ("LMALL_OPS_URL", &ops.url),
            // The tests are who they say they are, and ask as often as they like.
            ("LMALL_IDENTITY", "direct"),
            ("LMALL_LIMITS", "off"),
        ];
        let gateway = start("lmall-gateway", &urls);
        let (_aws, _redis) = (aws, redis);
        Self { order, inventory, payment, product, ops, gateway, letters, relay, _aws, _redis }
    }

    /// What the services have logged.
    pub(crate) fn log(&self) -> Vec<String> {
        let Self { order, inventory, payment, product, ops, gateway, .. } = self;
        let all = [gateway, ops, product, payment, order, inventory];
        all.iter().flat_map(|service| service.log()).collect()
    }

    /// Kills the inventory service as soon as messages are in its hands, and starts another one at
    /// its address.
    pub(crate) async fn inventory_dies_with_messages(&mut self) {
        eventually("messages are in its hands", async || {
            if self.inventory_holds().await == 0 {
                return Err("none".to_owned());
            }
            // What it held a moment ago may be done by now; a process that is stopped does nothing.
            self.inventory.signal(Signal::STOP);
            if self.inventory_holds().await > 0 {
                return Ok(());
            }
            self.inventory.signal(Signal::CONT);
            Err("they were done".to_owned())
        })
        .await;
        self.inventory.dies_and_comes_again();
    }

    async fn inventory_holds(&self) -> u64 {
        let depths = self.letters.depths().await.expect("the queues are there");
        let of_inventory = depths.iter().find(|depth| depth.queue == Queue::Inventory);
        of_inventory.expect("its queue").in_flight
    }

    /// Asks every service to end; each must, in time and with code 0.
    pub(crate) fn ends_well(self) {
        self.relay.abort();
        let Self { order, inventory, payment, product, ops, gateway, .. } = self;
        for service in [gateway, ops, product, payment, order, inventory] {
            service.ends_well();
        }
    }
}

/// Clients of the stack at this endpoint.
pub(crate) fn clients(endpoint: &str) -> Clients {
    let site = Site {
        region: REGION.to_owned(),
        account: ACCOUNT.to_owned(),
        prefix: "lmall".to_owned(),
        endpoint: Some(endpoint.to_owned()),
    };
    let credentials = Credentials::new(ACCOUNT, "secret", None, None, "test");
    Clients::connect_with(site, SharedCredentialsProvider::new(credentials))
}

async fn relay(clients: Clients) {
    let clock = Arc::new(SystemClock::default());
    let store = Arc::new(DynamoStore::new(&clients, clock.clone()));
    let relay = Relay::new(store, Arc::new(AwsBus::new(&clients)), clock);
    loop {
        for table in Table::ALL {
            // What fails is pending still, and looked at again.
            let _found = relay.sweep(table, Duration::ZERO).await;
        }
        tokio::time::sleep(RELAY_PAUSE).await;
    }
}
