//! The shop as it is deployed: services that live long, functions that live for one call, and
//! what AWS does to wake them. All of it runs LMall's own code on the models of its surroundings.

mod doors;
mod frail;
mod function;
mod schedule;
mod service;
mod stream_relay;
mod webhooks;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lmall_app::{
    catalogue::Catalogue,
    order::Orders,
    payment::{Payments, Providers},
    ports::{NoId, OrderIds},
    stock::Inventory,
};
use lmall_domain::{EventId, OrderId, Timestamp};
use parking_lot::Mutex;

pub use self::{
    doors::{Doors, Service},
    webhooks::Door,
};
use crate::{
    kernel::{Fault, Kernel, ProcessId, Site, WORLD},
    ports::{BusPort, GatePort, GatewayPort, SharedBus, SharedStore, StorePort},
    provider::{self, SharedProvider},
    redis::SharedRedis,
};

/// From placing an order to its `pay_by`: the default of the shop.
pub const PAYMENT_TIMEOUT: Duration = Duration::from_secs(900);

/// How long a reservation outlives `pay_by`: the default of the shop.
const GRACE: Duration = Duration::from_secs(300);

/// Tasks of each service.
const REPLICAS: usize = 2;

/// A service of the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Order,
    Inventory,
    Payment,
    /// A function on AWS; it is modelled as a service, for it consumes as one.
    Product,
}

/// The whole deployment.
pub struct System {
    /// What everything runs on.
    pub kernel: Kernel,
    /// DynamoDB.
    pub store: Arc<SharedStore>,
    /// SNS and SQS.
    pub bus: Arc<SharedBus>,
    /// Redis.
    pub redis: Arc<SharedRedis>,
    /// The payment provider.
    pub provider: Arc<SharedProvider>,
    /// Where requests go in.
    pub doors: Doors,
    /// Into how many buckets a SKU is split.
    pub buckets: u8,
    activity: AtomicU64,
    roles: Mutex<BTreeMap<ProcessId, Role>>,
    /// Messages whose handler fails until then, and how.
    sick: Mutex<BTreeMap<EventId, (Fault, Timestamp)>>,
}

/// A function that needs no ids: it places no order.
struct NoIds;

impl OrderIds for NoIds {
    fn next(&self) -> Result<OrderId, NoId> {
        Err(NoId)
    }
}

impl System {
    /// The parts, put together and not started.
    #[must_use]
    pub fn new(
        kernel: Kernel,
        store: Arc<SharedStore>,
        bus: Arc<SharedBus>,
        redis: Arc<SharedRedis>,
        provider: Arc<SharedProvider>,
        buckets: u8,
    ) -> Arc<Self> {
        Arc::new(Self {
            kernel,
            store,
            bus,
            redis,
            provider,
            doors: Doors::default(),
            buckets,
            activity: AtomicU64::new(0),
            roles: Mutex::default(),
            sick: Mutex::default(),
        })
    }

    /// Starts everything: services, schedules, relays, and what starts again what died.
    pub fn start(self: &Arc<Self>) {
        for replica in 1..=REPLICAS {
            for (role, name) in [
                (Role::Order, "order"),
                (Role::Inventory, "inventory"),
                (Role::Payment, "payment"),
                (Role::Product, "product"),
            ] {
                let site = self.kernel.process(format!("{name}-{replica}"));
                self.roles.lock().insert(site.process, role);
                service::boot(self, role, site);
            }
        }
        self.kernel.spawn(WORLD, Box::pin(service::supervise(Arc::clone(self))));
        self.kernel.spawn(WORLD, Box::pin(service::fall_ill(Arc::clone(self))));
        schedule::start(self);
        stream_relay::start(self);
    }

    /// Notes that something happened: schedules of a system at rest run less often, since a
    /// month of minutes in which nothing happens shows nothing.
    pub fn note_activity(&self) {
        self.activity.fetch_add(1, Relaxed);
    }

    fn activity(&self) -> u64 {
        self.activity.load(Relaxed)
    }

    fn store_port(&self, site: &Site) -> Arc<StorePort> {
        Arc::new(StorePort::new(site.clone(), Arc::clone(&self.store)))
    }

    fn bus_port(&self, site: &Site) -> Arc<BusPort> {
        Arc::new(BusPort { site: site.clone(), aws: Arc::clone(&self.bus) })
    }

    fn orders(&self, site: &Site, ids: Arc<dyn OrderIds>) -> Orders {
        let store = self.store_port(site);
        let settings = lmall_app::order::Settings { payment_timeout: PAYMENT_TIMEOUT };
        Orders::new(store.clone(), store, Arc::new(site.clock()), ids, settings)
    }

    /// Of the product service, what hears of orders; nobody changes a price by it.
    fn catalogue(&self, site: &Site) -> Catalogue {
        let copies = Arc::new(self.orders(site, Arc::new(NoIds)));
        Catalogue::new(self.store_port(site), Arc::new(site.clock()), copies)
    }

    fn inventory(&self, site: &Site) -> Inventory {
        let gate = Arc::new(GatePort::new(site.clone(), Arc::clone(&self.redis)));
        let settings =
            lmall_app::stock::Settings { reservation_grace: GRACE, buckets: self.buckets };
        Inventory::new(self.store_port(site), gate, Arc::new(site.clock()), settings)
    }

    fn payments(&self, site: &Site) -> Payments {
        let gateway = Arc::new(GatewayPort::new(site.clone(), Arc::clone(&self.provider)));
        let providers = Providers::new(vec![provider::config()]).expect("a usable provider");
        let providers = Arc::new(providers);
        Payments::new(self.store_port(site), gateway, Arc::new(site.clock()), providers)
    }
}
