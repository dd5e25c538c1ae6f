//! The services on the embedded adapters, and their routes on one port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use axum::Router;
use futures_util::future::BoxFuture;
use lmall_app::{
    Changeset,
    catalogue::{Catalogue, ProductSearch},
    customer::{Customers, Mails},
    failure::{Failure, chain, committed},
    ids::{Ids, LeasedIds, Ulids},
    ops::dead_letters::Replayer,
    order::Orders,
    payment::Payments,
    ports::{Key, StockGate, Store, Table},
    relay::Relay,
    row,
    shutdown::Shutdown,
    stock::Inventory,
    waiting::AdmissionKeys,
};
use lmall_domain::{CustomerId, Money, OrderId, Sku};
use lmall_embedded::{Embedded, SqliteBus, SqliteStore};
use lmall_gateway::waiting::{Hall, observed};
use lmall_payment::DemoProvider;
use lmall_product_api::{PRODUCTS_MAX, TextIndex};
use lmall_runtime::{StoppingWatch, SystemChance, SystemClock};
use lmall_web::{Metrics, client::BaseUrl};

use super::{
    config::Config,
    customers::{self, CustomerKeys},
    openapi, waiting,
};

/// Everything that runs in the process.
#[derive(Clone)]
pub(super) struct Shop {
    pub(super) store: Arc<SqliteStore>,
    pub(super) bus: Arc<SqliteBus>,
    pub(super) clock: Arc<SystemClock>,
    pub(super) ids: Arc<LeasedIds>,
    pub(super) admission_keys: AdmissionKeys,
    pub(super) orders: Orders,
    pub(super) inventory: Inventory,
    pub(super) payments: Payments,
    pub(super) catalogue: Catalogue,
    pub(super) search: Arc<ProductSearch>,
    pub(super) customers: Customers,
    pub(super) mails: Mails,
    pub(super) customer_keys: CustomerKeys,
    pub(super) relay: Relay,
    pub(super) replayer: Replayer,
}

impl Shop {
    /// Puts the services together, takes a machine id, and builds the stock gate.
    ///
    /// # Errors
    /// When the store does not answer or the providers cannot be used.
    pub(super) async fn build(
        embedded: &Embedded,
        clock: Arc<SystemClock>,
        config: &Config,
        data: &Path,
        address: SocketAddr,
        intake: Shutdown,
    ) -> anyhow::Result<Self> {
        let (store, bus) = (embedded.store(), embedded.bus());
        let ids = Arc::new(LeasedIds::acquire(store.clone(), clock.clone()).await?);
        let watch = Arc::new(StoppingWatch::new(store.clone(), intake));
        let orders = Orders::new(store.clone(), watch, clock.clone(), ids.clone(), config.orders);
        let admission_keys = waiting::keys(&*store, config).await?;
        let orders = orders.with_admissions(admission_keys.clone());
        orders.prepare().await?;
        let gate: Arc<dyn StockGate> = embedded.gate();
        let inventory = Inventory::new(store.clone(), gate, clock.clone(), config.stock);
        inventory.prewarm().await?;
        let providers = Arc::clone(&config.providers);
        let gateway = DemoProvider::new(own_url(address)?, providers.clone(), clock.clone());
        let gateway = Arc::new(gateway);
        let payments = Payments::new(store.clone(), gateway, clock.clone(), providers);
        let copies = Arc::new(orders.clone());
        let catalogue = Catalogue::new(store.clone(), clock.clone(), copies);
        let index = Arc::new(TextIndex::new()?);
        let search = Arc::new(ProductSearch::new(catalogue.clone(), index, PRODUCTS_MAX));
        let customer_keys = CustomerKeys::open(data, clock.clone())?;
        let customers = customers::build(&store, &clock, &customer_keys, &orders, config)?;
        let mails = customers::mails(&store, &clock, &customer_keys)?;
        let relay = Relay::new(store.clone(), bus.clone(), clock.clone());
        let replayer = Replayer::new(bus.clone(), clock.clone());
        Ok(Self {
            store,
            bus,
            clock,
            ids,
            admission_keys,
            orders,
            inventory,
            payments,
            catalogue,
            search,
            customers,
            mails,
            customer_keys,
            relay,
            replayer,
        })
    }

    /// What the routes of products work with.
    fn products(&self, availability: Arc<Views>) -> lmall_product_api::Parts {
        let (catalogue, search) = (self.catalogue.clone(), self.search.clone());
        lmall_product_api::Parts { catalogue, search, availability }
    }

    /// What the operator's routes work with.
    fn office(&self) -> lmall_ops::Parts {
        lmall_ops::Parts {
            store: self.store.clone(),
            scan: self.store.clone(),
            letters: self.bus.clone(),
            clock: self.clock.clone(),
        }
    }

    /// What the id generator's routes work with: the ids that orders have, too.
    fn ids(&self, config: &Config) -> lmall_id_generator::Parts {
        let backup = Ulids::new(self.clock.clone(), Arc::new(SystemChance));
        lmall_id_generator::Parts {
            ids: Arc::new(Ids::new(self.ids.clone(), backup)),
            public_ids: config.public_ids.clone(),
        }
    }
}

/// Where the demo provider calls: a server that listens on every address, on this machine's own.
fn own_url(mut address: SocketAddr) -> anyhow::Result<BaseUrl> {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}").parse()?)
}

/// All routes of all services.
pub(super) fn router(shop: &Shop, hall: Hall, config: &Config, metrics: &Metrics) -> Router {
    let token = || config.operator_token.clone();
    lmall_id_generator::watch(shop.ids.clone(), metrics);
    let views = Arc::new(Views { orders: shop.orders.clone(), inventory: shop.inventory.clone() });
    let orders = lmall_order::router(shop.orders.clone(), token());
    let router = observed(orders, &hall)
        .merge(lmall_gateway::waiting::routes(hall, token()))
        .merge(lmall_product_api::router(shop.products(views.clone()), token()))
        .merge(lmall_inventory::router(shop.inventory.clone(), token()))
        .merge(lmall_payment::router(shop.payments.clone(), views, token()))
        .merge(lmall_ops::router(shop.office(), token()))
        .merge(lmall_id_generator::router(shop.ids(config), token(), metrics))
        .merge(lmall_user_api::router(
            shop.customers.clone(),
            shop.customer_keys.ring.clone(),
            config.identity_providers.clone(),
        ))
        .merge(lmall_web::health::routes(metrics.clone(), readiness(shop)))
        .merge(lmall_web::openapi::route(openapi::whole()));
    lmall_web::finish_with(router, metrics, &[lmall_ops::SLOW_ROUTE])
}

/// What is asked of other services, over gRPC.
pub(super) fn services(shop: &Shop) -> lmall_rpc::Services {
    lmall_rpc::Services::new(Arc::new(readiness(shop)))
        .inventory(shop.inventory.clone())
        .quotes(shop.catalogue.clone())
}

/// Whether the shop can serve, asked anew with each call.
fn readiness(
    shop: &Shop,
) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + Clone + use<> {
    let store = shop.store.clone();
    move || Box::pin(writable(store.clone()))
}

/// Whether the store takes a transaction: on a full disk, say, it only reads.
async fn writable(store: Arc<SqliteStore>) -> Result<(), String> {
    let key = Key::new(Table::Order, "probe", "probe");
    let probe = async {
        let version = store.get(&key).await?.map_or(0, |item| item.version);
        let row = row::plain(key, &());
        let written = store.commit(Changeset::new().put(row, version)).await;
        // A refusal is an answer: another probe was faster.
        committed(written).map(drop)
    };
    probe.await.map_err(|failure| chain(&failure))
}

/// What a service has to ask another one. In the AWS form these are calls over the network.
struct Views {
    orders: Orders,
    inventory: Inventory,
}

#[async_trait]
impl lmall_product_api::Availability for Views {
    async fn available(&self, sku: &Sku) -> Result<i64, Failure> {
        Ok(self.inventory.level(sku).await?.unwrap_or_default().available)
    }
}

#[async_trait]
impl lmall_payment::OrderOwner for Views {
    async fn owner(&self, order_id: OrderId) -> Result<Option<(CustomerId, Money)>, Failure> {
        let order = self.orders.load(order_id).await?;
        Ok(order.map(|order| (order.value.customer_id, order.value.total)))
    }
}
