//! What a shop runs on, and what goes wrong with it.

use lmall_app::consumer::Options;
use lmall_servers::{DynamoLocal, FaultProxy, LocalAws, Redis};

use crate::{process::OPTIONS, services::Endpoints};

/// How a shop is set up.
pub(crate) struct Setup {
    /// DynamoDB is AWS's own DynamoDB Local, and not the stack's.
    pub(crate) dynamo_local: bool,
    /// What goes wrong with DynamoDB.
    pub(crate) dynamo_rules: Option<&'static str>,
    /// What goes wrong with SNS and SQS.
    pub(crate) messaging_rules: Option<&'static str>,
    /// What goes wrong with Redis.
    pub(crate) redis_rules: Option<&'static str>,
    /// Whether the relay hears the stream.
    pub(crate) stream: bool,
    /// Whether the sweeper runs.
    pub(crate) sweeper: bool,
    /// Whether every message is published twice, the second time under another id.
    pub(crate) twice: bool,
    /// How the consumers are run.
    pub(crate) consumers: Options,
    /// Units on stock.
    pub(crate) units: i64,
    /// Buckets of the ledger.
    pub(crate) buckets: u8,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            dynamo_local: false,
            dynamo_rules: None,
            messaging_rules: None,
            redis_rules: None,
            stream: true,
            sweeper: true,
            twice: false,
            consumers: OPTIONS,
            units: 100,
            buckets: 4,
        }
    }
}

/// The servers; they end with the value.
pub(crate) struct Servers {
    aws: LocalAws,
    dynamo: Option<DynamoLocal>,
    pub(crate) redis: Redis,
    proxies: Vec<FaultProxy>,
}

impl Servers {
    /// Starts those that are wished, without proxies.
    pub(crate) fn start(setup: &Setup) -> Self {
        let dynamo = setup.dynamo_local.then(DynamoLocal::start);
        Self { aws: LocalAws::start(), dynamo, redis: Redis::start(), proxies: Vec::new() }
    }

    /// Where they are.
    pub(crate) fn straight(&self) -> Endpoints {
        Endpoints {
            dynamo: self.dynamo.as_ref().map_or_else(|| self.aws.url(), DynamoLocal::url),
            messaging: self.aws.url(),
            redis: self.redis.url(),
        }
    }

    /// Puts a proxy before what is to go wrong, and says where everything is now.
    pub(crate) fn go_wrong(&mut self, setup: &Setup) -> Endpoints {
        let (straight, redis) = (self.straight(), self.redis.address().to_string());
        let mut endpoints = straight.clone();
        let mut put = |endpoint: &mut String, proxy: FaultProxy, scheme| {
            *endpoint = format!("{scheme}://{}", proxy.address());
            self.proxies.push(proxy);
        };
        if let Some(rules) = setup.dynamo_rules {
            let proxy = FaultProxy::of_aws(&straight.dynamo, rules);
            put(&mut endpoints.dynamo, proxy, "http");
        }
        if let Some(rules) = setup.messaging_rules {
            let proxy = FaultProxy::of_aws(&straight.messaging, rules);
            put(&mut endpoints.messaging, proxy, "http");
        }
        if let Some(rules) = setup.redis_rules {
            put(&mut endpoints.redis, FaultProxy::of_redis(&redis, rules), "redis");
        }
        endpoints
    }
}
