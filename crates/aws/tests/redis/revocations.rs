//! The contract of revocations.

use lmall_app::ports::Clock;
use lmall_aws::redis::{Redis, RedisRevocations};
use lmall_contract::revocations::revoked_until;
use lmall_runtime::SystemClock;
use lmall_servers as servers;

async fn check(url: &str) {
    let revocations = RedisRevocations::new(Redis::new(url).expect("an address"));
    // Redis has a clock of its own: the real one.
    revoked_until(&revocations, SystemClock::default().now()).await;
}

#[tokio::test]
async fn a_revoked_session_is_void_until_then() {
    check(&servers::Redis::start().url()).await;
}

#[tokio::test]
async fn a_revoked_session_is_void_until_then_on_a_cluster() {
    check(&servers::RedisCluster::start().url()).await;
}
