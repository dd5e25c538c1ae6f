//! The contract of a stock gate, on one server and on a cluster.

use lmall_aws::redis::{Redis, RedisGate};
use lmall_contract::{gate, gate_model};
use lmall_servers as servers;
use proptest::{prelude::*, test_runner::TestRunner};

fn on(url: &str) -> RedisGate {
    RedisGate::new(Redis::new(url).expect("an address"))
}

macro_rules! contract {
    ($($name:ident => $promise:path;)*) => {
        mod one_server {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let server = servers::Redis::start();
                $promise(&on(&server.url())).await;
            })*
        }

        mod a_cluster {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let cluster = servers::RedisCluster::start();
                $promise(&on(&cluster.url())).await;
            })*
        }
    };
}

contract! {
    a_hold_is_kept_until_it_is_final => gate::holds;
    a_gate_opens_in_a_clean_epoch_only => gate::epochs;
    a_gate_takes_many_holds_along => gate::many_holds;
    a_gate_grants_what_there_is => gate::concurrent_holds;
}

#[test]
fn any_calls_do_what_the_model_does() {
    let server = servers::Redis::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let gate = on(&server.url());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(256));
    let checked = runner.run(&gate_model::calls(), |calls| {
        runtime.block_on(gate_model::agrees(&gate, calls));
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
