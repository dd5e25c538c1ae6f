//! Answers that are lost, late or refusals.

use std::{
    net::TcpListener,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use lmall_app::ports::{GateAnswer, StockGate};
use lmall_aws::redis::{ANSWER_WITHIN, Redis, RedisGate};
use lmall_contract::gate::{order, sku};
use lmall_domain::stock::State;
use lmall_servers as servers;

use crate::shop::Shop;

pub(crate) fn on(url: &str) -> RedisGate {
    RedisGate::new(Redis::new(url).expect("an address"))
}

async fn open(gate: &RedisGate, units: i64) {
    let epoch = gate.close(&sku()).await.expect("the gate answers");
    assert!(gate.open(&sku(), epoch, vec![(0, units)], Vec::new()).await.expect("it answers"));
}

/// A gate with two units, and the same gate behind a proxy whose next `EVALSHA` goes wrong so.
async fn behind_a_proxy(fault: &str) -> (servers::Redis, servers::FaultProxy, [RedisGate; 2]) {
    let server = servers::Redis::start();
    let gate = on(&server.url());
    open(&gate, 2).await;
    // The server has the script from now on: a refusal for its lack would be the first answer.
    gate.hold(&sku(), order(9), 5).await.expect("the gate answers");
    let rules =
        format!("rules:\n  - service: redis\n    operation: evalsha\n    times: 1\n    {fault}\n");
    let proxy = servers::FaultProxy::of_redis(&server.address().to_string(), &rules);
    let behind = on(&format!("redis://{}", proxy.address()));
    (server, proxy, [gate, behind])
}

async fn available(gate: &RedisGate) -> i64 {
    gate.snapshot(&sku()).await.expect("the gate answers").expect("it is open").available
}

#[tokio::test]
async fn a_hold_whose_answer_was_lost_is_granted_once() {
    let (_server, _proxy, [gate, behind]) = behind_a_proxy("cut_reply: {after_bytes: 0}").await;
    behind.hold(&sku(), order(1), 1).await.expect_err("the answer is lost");
    assert_eq!(available(&gate).await, 1, "but the script has run");
    let again = behind.hold(&sku(), order(1), 1).await.expect("the gate answers");
    assert!(matches!(again, GateAnswer::Granted(_)), "{again:?}");
    assert_eq!(available(&gate).await, 1);
}

#[tokio::test]
async fn a_replica_that_was_the_primary_is_left() {
    let fault =
        r#"error: {code: READONLY, message: "You can't write against a read only replica."}"#;
    let (_server, _proxy, [gate, behind]) = behind_a_proxy(fault).await;
    behind.hold(&sku(), order(1), 1).await.expect_err("it is refused");
    assert_eq!(available(&gate).await, 2);
    let again = behind.hold(&sku(), order(1), 1).await.expect("the gate answers");
    assert!(matches!(again, GateAnswer::Granted(_)), "{again:?}");
}

#[tokio::test]
async fn a_script_that_the_server_has_forgotten_is_loaded_again() {
    let server = servers::Redis::start();
    let gate = on(&server.url());
    open(&gate, 2).await;
    for number in 1..=2 {
        let _ok = server.cli(&["script", "flush"]);
        let answer = gate.hold(&sku(), order(number), 1).await.expect("the gate answers");
        assert!(matches!(answer, GateAnswer::Granted(_)), "{answer:?}");
    }
    assert_eq!(available(&gate).await, 0);
}

#[tokio::test]
async fn a_redis_that_hangs_is_not_waited_for_and_the_ledger_decides() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let gate = on(&format!("redis://{}", silent.local_addr().expect("it is bound")));
    let started = Instant::now();
    gate.hold(&sku(), order(1), 1).await.expect_err("nobody answers");
    let waited = started.elapsed();
    assert!(waited < ANSWER_WITHIN + Duration::from_millis(500), "{waited:?}");
    let shop = Shop::new(gate, 1).await;
    assert!(shop.reserve(1).await);
    assert!(!shop.reserve(2).await);
    assert_eq!((shop.level().await.available, shop.level().await.reserved), (0, 1));
}

#[tokio::test]
async fn a_redis_that_is_away_is_used_again_when_it_is_back() {
    let mut server = servers::Redis::start();
    let gate = on(&server.url());
    open(&gate, 1).await;
    server.kill();
    gate.hold(&sku(), order(1), 1).await.expect_err("it is away");
    server.restart();
    let until = Instant::now() + Duration::from_secs(10);
    let answer = loop {
        match gate.hold(&sku(), order(1), 1).await {
            Ok(answer) => break answer,
            Err(error) => assert!(Instant::now() < until, "{error:?}"),
        }
    };
    assert_eq!(answer, GateAnswer::Unknown, "it has forgotten everything");
}

#[tokio::test]
async fn what_is_sold_out_is_refused_without_a_look_at_the_ledger() {
    let server = servers::Redis::start();
    let shop = Shop::new(on(&server.url()), 1).await;
    assert!(shop.reserve(1).await);
    let before = shop.counted.ledger_reads.load(Ordering::SeqCst);
    for number in 2..10 {
        assert!(!shop.reserve(number).await);
        assert_eq!(shop.state(number).await, State::Rejected);
    }
    assert_eq!(shop.counted.ledger_reads.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    let server = servers::Redis::start();
    let _ok = server.cli(&["config", "set", "requirepass", "hunter2"]);
    let url = |password: &str| format!("redis://:{password}@{}", server.address());
    open(&on(&url("hunter2")), 1).await;
    let redis = Redis::new(&url("hunter3")).expect("an address");
    assert!(!format!("{redis:?}").contains("hunter3"));
    let error = RedisGate::new(redis).close(&sku()).await.expect_err("a wrong password");
    assert!(!format!("{error:?}").contains("hunter3"), "{error:?}");
}
