//! Real servers for tests: Redis, a local AWS stack, AWS's own DynamoDB Local, an identity provider,
//! and a proxy that injects faults.
//!
//! This crate promises that a server listens on a free port of this machine only, that nobody
//! else uses it, and that it ends with the value that stands for it, or with the process,
//! however that ends. `scripts/test` installs what is needed; a server that is missing is a
//! panic that says so, and never a test that looks green.

mod aws;
mod fault;
mod identity;
mod redis;
mod server;

pub use aws::{DynamoLocal, LocalAws};
pub use fault::FaultProxy;
pub use identity::IdentityProvider;
pub use redis::{Redis, RedisCluster};

use server::Server;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_starts_and_ends() {
        let mut redis = Redis::start();
        redis.restart();
        assert_eq!(redis.cli(&["set", "a", "b"]).trim(), "OK");
        let cluster = RedisCluster::start();
        assert_eq!(cluster.nodes().len(), 3);
        let proxy = FaultProxy::of_redis(&redis.address().to_string(), "rules: []\n");
        assert!(proxy.address().port() > 0);
        let aws = LocalAws::start();
        let proxy = FaultProxy::of_aws(&aws.url(), "rules: []\n");
        assert!(proxy.address().port() > 0);
        assert!(IdentityProvider::start(&[]).url().starts_with("http://127.0.0.1:"));
        assert!(DynamoLocal::start().url().starts_with("http://127.0.0.1:"));
    }
}
