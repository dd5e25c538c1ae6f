//! Payment deadlines, and orders that are reminded of them.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    Trace,
    order::{Orders, Place, Settings},
    ports::{Clock, Deadlines, NoId, OrderIds},
};
use lmall_aws::redis::{Redis, RedisDeadlines};
use lmall_contract::{
    clock::ManualClock,
    gate::{order, sku},
};
use lmall_domain::{
    Money, OrderId, Timestamp,
    catalogue::Offer,
    event::CancelReason,
    money::Currency,
    order::{LineRequest, Status},
};
use lmall_embedded::Embedded;
use lmall_servers as servers;
use tempfile::TempDir;

const PAYMENT_TIMEOUT: Duration = Duration::from_secs(900);

fn on(url: &str) -> Arc<RedisDeadlines> {
    Arc::new(RedisDeadlines::new(Redis::new(url).expect("an address")))
}

async fn behaves(deadlines: &RedisDeadlines) {
    let at = Timestamp::from_millis;
    for (number, due) in [(40, 300), (41, 100), (42, 200), (43, 900)] {
        deadlines.set(order(number), at(due)).await.expect("it answers");
    }
    let due = async |now, limit| deadlines.due(at(now), limit).await.expect("it answers");
    assert_eq!(due(99, 9).await, []);
    assert_eq!(due(300, 9).await, [order(41), order(42), order(40)], "the oldest first");
    assert_eq!(due(300, 2).await, [order(41), order(42)]);
    deadlines.set(order(41), at(950)).await.expect("it answers");
    for _ in 0..2 {
        deadlines.forget(order(42)).await.expect("it answers");
    }
    assert_eq!(due(901, 9).await, [order(40), order(43)]);
}

#[tokio::test]
async fn one_server_reminds() {
    let server = servers::Redis::start();
    behaves(&on(&server.url())).await;
}

#[tokio::test]
async fn a_cluster_reminds() {
    let cluster = servers::RedisCluster::start();
    behaves(&on(&cluster.url())).await;
}

/// Ids from 1 on.
#[derive(Default)]
struct Ids(std::sync::atomic::AtomicU64);

impl OrderIds for Ids {
    fn next(&self) -> Result<OrderId, NoId> {
        OrderId::new(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1).ok_or(NoId)
    }
}

struct Shop {
    orders: Orders,
    clock: Arc<ManualClock>,
    _embedded: Embedded,
    _dir: TempDir,
}

impl Shop {
    async fn new(deadlines: Arc<RedisDeadlines>) -> Self {
        let dir = TempDir::new().expect("a place for files");
        let clock = Arc::new(ManualClock::new());
        let embedded = Embedded::open(dir.path(), clock.clone()).expect("a directory of our own");
        let (store, settings) = (embedded.store(), Settings { payment_timeout: PAYMENT_TIMEOUT });
        let ids = Arc::new(Ids::default());
        let orders = Orders::new(store.clone(), store, clock.clone(), ids, settings);
        let orders = orders.with_deadlines(deadlines);
        orders.prepare().await.expect("the store is there");
        let price = Money::new(1_000, Currency::from_code("EUR").expect("EUR is a currency"));
        let offer = Offer::new(sku(), "Tea".to_owned(), price).expect("an offer");
        orders.learn(&offer).await.expect("the store is there");
        Self { orders, clock, _embedded: embedded, _dir: dir }
    }

    async fn place(&self) -> OrderId {
        let wish = Place {
            customer_id: "anna".parse().expect("a customer"),
            lines: vec![LineRequest { sku: sku(), quantity: 1 }],
            idempotency: None,
            currency: None,
            trace: Trace::default(),
        };
        self.orders.place(wish).await.expect("it can be placed").order.value.id
    }

    async fn status(&self, id: OrderId) -> Status {
        self.orders.load(id).await.expect("the store is there").expect("it exists").value.status
    }

    async fn cancel_reminded(&self) -> usize {
        self.orders.cancel_reminded(10).await.expect("everything answers")
    }
}

#[tokio::test]
async fn an_order_that_is_not_paid_is_canceled_when_its_reminder_is_due() {
    let server = servers::Redis::start();
    let deadlines = on(&server.url());
    let shop = Shop::new(deadlines.clone()).await;
    let (late, gone) = (shop.place().await, shop.place().await);
    shop.orders.cancel(gone, CancelReason::Customer, &Trace::default()).await.expect("it can be");
    let far = shop.clock.now().after(2 * PAYMENT_TIMEOUT);
    assert_eq!(deadlines.due(far, 9).await.expect("it answers"), [late], "forgotten with its end");
    assert_eq!(shop.cancel_reminded().await, 0, "nothing is due");

    // Early, and of an order that nobody knows: neither does harm.
    deadlines.set(late, shop.clock.now()).await.expect("it answers");
    deadlines.set(order(77), shop.clock.now()).await.expect("it answers");
    assert_eq!(shop.cancel_reminded().await, 0);
    assert_eq!(shop.status(late).await, Status::Pending);
    assert_eq!(deadlines.due(far, 9).await.expect("it answers"), [late], "to be looked at again");

    shop.clock.advance(PAYMENT_TIMEOUT);
    assert_eq!(shop.cancel_reminded().await, 1);
    assert_eq!(shop.status(late).await, Status::Canceling);
    deadlines.set(late, shop.clock.now()).await.expect("it answers");
    assert_eq!(shop.cancel_reminded().await, 0, "doubled");
    assert_eq!(deadlines.due(far, 9).await.expect("it answers"), []);
}

#[tokio::test]
async fn an_order_is_placed_and_canceled_though_nobody_will_be_reminded() {
    let mut server = servers::Redis::start();
    let shop = Shop::new(on(&server.url())).await;
    server.kill();
    let id = shop.place().await;
    shop.clock.advance(PAYMENT_TIMEOUT);
    shop.orders.cancel_reminded(10).await.expect_err("nobody reminds");
    assert_eq!(shop.orders.cancel_overdue().await.expect("the index does"), 1);
    assert_eq!(shop.status(id).await, Status::Canceling);
}
