//! Redis forgets everything, or dies, while many reserve: nothing is sold twice, and the gate
//! serves again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lmall_app::ports::StockGate;
use lmall_contract::gate::sku;
use lmall_servers as servers;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{faults::on, shop::Shop};

const UNITS: i64 = 120;
const ORDERS: u64 = 300;
const LOSSES: u64 = 4;

/// Many reserve while `lose` is called now and then.
async fn survives(mut server: servers::Redis, lose: fn(&mut servers::Redis)) {
    let gate = on(&server.url());
    let shop = Arc::new(Shop::new(gate.clone(), UNITS).await);
    let (at_once, handled) = (Arc::new(Semaphore::new(32)), Arc::<AtomicU64>::default());
    let mut buyers = JoinSet::new();
    for number in 1..=ORDERS {
        let (shop, at_once, handled) = (shop.clone(), at_once.clone(), handled.clone());
        buyers.spawn(async move {
            let _turn = at_once.acquire().await.expect("it is never closed");
            let is_reserved = shop.reserve(number).await;
            handled.fetch_add(1, Ordering::SeqCst);
            i64::from(is_reserved)
        });
    }
    for loss in 1..=LOSSES {
        while handled.load(Ordering::SeqCst) < loss * ORDERS / (2 * LOSSES) {
            tokio::task::yield_now().await;
        }
        tokio::task::block_in_place(|| lose(&mut server));
        // As the background job does, at a bad moment.
        let _while_others_reserve = shop.inventory.rebuild_noted().await;
    }
    let reserved: i64 = buyers.join_all().await.into_iter().sum();
    let level = shop.level().await;
    assert_eq!((level.reserved, level.available), (reserved, UNITS - reserved), "nothing oversold");
    assert_eq!(reserved, UNITS, "and nothing left over");
    agrees_soon(&shop, &gate).await;
}

/// The gate is asked for what it may not know, rebuilt, and serves again, as the ledger says.
async fn agrees_soon(shop: &Shop, gate: &impl StockGate) {
    let until = Instant::now() + Duration::from_secs(10);
    for number in ORDERS + 1.. {
        assert!(!shop.reserve(number).await, "everything is reserved");
        shop.inventory.rebuild_noted().await.expect("everything answers");
        shop.inventory.check_drift().await.expect("everything answers");
        if let Some(snapshot) = gate.snapshot(&sku()).await.expect("the gate answers") {
            let held: i64 = snapshot.holds.iter().map(|(_, units)| units).sum();
            if (snapshot.available, held) == (0, UNITS) {
                return;
            }
        }
        assert!(Instant::now() < until, "the gate does not come back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_forgotten_under_load() {
    survives(servers::Redis::start(), |server| drop(server.cli(&["flushall"]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_dies_under_load_and_comes_back_empty() {
    survives(servers::Redis::start(), servers::Redis::restart).await;
}
