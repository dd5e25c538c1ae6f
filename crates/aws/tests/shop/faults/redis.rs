//! Redis forgets, dies, or does not answer: the ledger decides, and the gate comes back.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use lmall_app::stock::Drift;
use lmall_servers::Redis;

use super::{answers::HELD_UNHEARD, trade};
use crate::{
    setup::Setup,
    world::{LOOK, World, soon},
};

/// Fewer than the customers of a trade want.
const UNITS: i64 = 12;
const CUSTOMERS: u32 = 16;

/// Some orders come to the gate between two of them.
const BETWEEN_LOSSES: Duration = Duration::from_millis(300);

/// The gate knows the SKU again, and agrees with the ledger.
async fn agrees(world: &World) {
    soon("the gate agrees with the ledger", LOOK, async || {
        let drift = world.direct.inventory.check_drift().await.ok()?;
        (drift == Drift { checked: 1, ..Drift::default() }).then_some(())
    })
    .await;
}

/// Trades while `lose` happens, again and again; all units are sold in the end.
async fn survives(lose: fn(&mut Redis)) {
    let mut world = World::open(Setup { units: UNITS, ..Setup::default() }).await;
    // It is lost while the shop, which knows where it was, goes on.
    let mut redis = std::mem::replace(&mut world.servers.redis, Redis::start());
    let rebuilt = AtomicUsize::new(0);
    // As the job does, while others reserve.
    let rebuild = async || {
        let process = world.process.as_ref().expect("it lives");
        let again = process.services.inventory.rebuild_noted().await.unwrap_or_default();
        rebuilt.fetch_add(again, Ordering::SeqCst);
    };
    let losing = async {
        loop {
            tokio::task::block_in_place(|| lose(&mut redis));
            tokio::time::sleep(BETWEEN_LOSSES).await;
            rebuild().await;
        }
    };
    let sold = tokio::select! {
        sold = trade(&world, CUSTOMERS) => sold,
        () = losing => 0,
    };
    // All may have been sold before the first rebuild.
    rebuild().await;
    assert!(rebuilt.into_inner() > 0, "the gate was missed");
    assert!(sold <= UNITS, "{sold} units are sold of {UNITS}");
    world.ends_well(sold).await;
    agrees(&world).await;
    assert!(world.dead().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_dies_and_comes_back_empty() {
    survives(Redis::restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_forgets_everything() {
    survives(|redis| drop(redis.cli(&["flushall"]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_acts_and_nobody_is_told() {
    let setup = Setup { redis_rules: Some(HELD_UNHEARD), units: UNITS, ..Setup::default() };
    let world = World::open(setup).await;
    let sold = trade(&world, CUSTOMERS).await;
    soon("an answer is lost", LOOK, async || world.front.inventory.prewarm().await.err()).await;
    assert!(sold <= UNITS, "{sold} units are sold of {UNITS}");
    world.ends_well(sold).await;
    agrees(&world).await;
    assert!(world.dead().await.is_empty());
}
