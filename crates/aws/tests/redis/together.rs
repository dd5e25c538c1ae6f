//! Holds that are asked for at the same time share scripts, and nothing else.

use futures_util::future::join_all;
use lmall_app::ports::{GateAnswer, StockGate};
use lmall_aws::redis::RedisGate;
use lmall_domain::{OrderId, Sku};
use lmall_servers as servers;

use crate::faults::on;

const SKUS: u64 = 8;
const ORDERS: u64 = 1_000;

fn sku(number: u64) -> Sku {
    format!("together-{number}").parse().expect("a SKU")
}

fn order(number: u64) -> OrderId {
    OrderId::new(number + 1).expect("above zero")
}

/// Opens the gates: each SKU has as many units as its number.
async fn open(gate: &RedisGate) {
    for number in 0..SKUS {
        let epoch = gate.close(&sku(number)).await.expect("it answers");
        let units = i64::try_from(number).expect("few");
        let opened = gate.open(&sku(number), epoch, vec![(0, units)], Vec::new()).await;
        assert!(opened.expect("it answers"));
    }
}

/// Scripts that the server has run.
fn scripts(server: &servers::Redis) -> u64 {
    let stats = server.cli(&["info", "commandstats"]);
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    calls.and_then(|calls| calls.split(',').next()?.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_its_own_answer_and_scripts_are_fewer_than_holds() {
    let server = servers::Redis::start();
    let gate = on(&server.url());
    open(&gate).await;
    let before = scripts(&server);
    let holds = (0..ORDERS).map(|number| {
        let (gate, sku) = (&gate, sku(number % SKUS));
        async move { gate.hold(&sku, order(number), 1).await.expect("it answers") }
    });
    let answers = join_all(holds).await;
    for number in 0..SKUS {
        let of_sku = answers.iter().zip(0..).filter(|(_, order)| order % SKUS == number);
        let granted = of_sku.filter(|(answer, _)| matches!(answer, GateAnswer::Granted(_)));
        assert_eq!(u64::try_from(granted.count()).expect("few"), number, "{number}");
    }
    for (number, answer) in (0..ORDERS).zip(&answers) {
        let again = gate.hold(&sku(number % SKUS), order(number), 1).await.expect("it answers");
        assert_eq!(again, *answer, "asked alone, order {number} is told the same");
    }
    let run = scripts(&server) - before - ORDERS;
    assert!((ORDERS / 64..ORDERS / 8).contains(&run), "{run} scripts for {ORDERS} holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_gate_stands_in_nobody_elses_way() {
    let server = servers::Redis::start();
    let gate = on(&server.url());
    open(&gate).await;
    assert_eq!(server.cli(&["set", "lmall:gate:{together-3}", "no gate"]).trim(), "OK");
    let holds = (0..10 * SKUS).map(|number| {
        let (gate, sku) = (&gate, sku(number % SKUS));
        async move { gate.hold(&sku, order(number), 1).await }
    });
    for (number, answer) in (0..).zip(join_all(holds).await) {
        assert_eq!(answer.is_err(), number % SKUS == 3, "{number}: {answer:?}");
    }
}
