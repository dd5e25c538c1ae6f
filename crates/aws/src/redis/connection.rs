//! One shared connection to a server or to a cluster, made when needed and replaced when bad.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterConfig,
    cluster_async::ClusterConnection,
};
use tokio::time::timeout;

use super::{
    script::Script,
    url::{self, RedisError, Target},
};

/// The longest wait for an answer, connecting included: the gate takes microseconds, and a Redis
/// that is slower than the ledger behind it is of no use.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// The longest wait for a connection, or for one node of a cluster.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_millis(400);

/// How often a cluster's nodes may point to another one. A command that may have run is not
/// sent again.
pub(super) const CLUSTER_RETRIES: u32 = 3;

/// A call of which it is not known whether it took effect, unless the server refused it.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server refuses it, or the connection broke.
    #[error("the call failed")]
    Failed(#[source] redis::RedisError),
    /// There is no answer yet.
    #[error("no answer within {} ms", ANSWER_WITHIN.as_millis())]
    Late,
    /// It is not what our scripts answer.
    #[error("an answer that no script of ours gives")]
    Strange,
}

impl CallError {
    /// Whether the server has answered, and that it will not do this.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
    }
}

/// Redis: one server, or a cluster. Clones share their connection.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    target: Target,
    link: Mutex<Link>,
}

/// The connection in use. One that is replaced goes on serving the calls that are on it.
#[derive(Default)]
struct Link {
    generation: u64,
    connection: Option<Connection>,
}

#[derive(Clone)]
enum Connection {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl fmt::Debug for Redis {
    /// Says nothing of the address, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// `redis://host:port`, `rediss://…` with TLS; several addresses, separated by commas, are
    /// nodes of a cluster, as is one that begins with `redis+cluster://` or `rediss+cluster://`.
    /// User name and password may stand before the host. Connects when first used, and again
    /// whenever that is needed. A server's certificate must be signed by one of the system's
    /// authorities.
    ///
    /// # Errors
    /// When an address cannot be read.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        url::read(url, None).map(Self::of)
    }

    /// The same, where this authority alone (PEM) is trusted instead of the system's.
    ///
    /// # Errors
    /// When an address or the certificate cannot be read.
    pub fn trusting(url: &str, root_certificate: &[u8]) -> Result<Self, RedisError> {
        url::read(url, Some(root_certificate)).map(Self::of)
    }

    fn of(target: Target) -> Self {
        Self { shared: Arc::new(Shared { target, link: Mutex::default() }) }
    }

    /// Whether keys are on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.shared.target.is_cluster()
    }

    /// Runs a script on a key; a server that does not have it is given it.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        fill: impl Fn(&mut Cmd) + Send,
    ) -> Result<T, CallError> {
        self.run_on(script, &[key], fill).await
    }

    /// The same, on several keys that are on one node.
    pub(super) async fn run_on<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        fill: impl Fn(&mut Cmd) + Send,
    ) -> Result<T, CallError> {
        let mut call = script.by_hash(keys);
        fill(&mut call);
        match self.call(&call).await {
            // So it has not run.
            Err(CallError::Failed(error)) if is_server(&error, ServerErrorKind::NoScript) => {
                let mut call = script.by_text(keys);
                fill(&mut call);
                self.call(&call).await
            }
            answer => answer,
        }
    }

    /// One command and its answer.
    pub(super) async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CallError> {
        let (generation, connection) = self.connection().map_err(CallError::Failed)?;
        let answer = match connection {
            Connection::Single(mut manager) => in_time(command.query_async(&mut manager)).await,
            Connection::Cluster(mut cluster) => in_time(command.query_async(&mut cluster)).await,
        };
        if answer.as_ref().is_err_and(is_of_bad_connection) {
            self.replace(generation);
        }
        T::from_redis_value(answer?).map_err(|_| CallError::Strange)
    }

    /// The connection, and its generation. It is made without waiting; the first call on it does.
    fn connection(&self) -> RedisResult<(u64, Connection)> {
        let mut link = self.shared.link.lock();
        let connection = match &link.connection {
            Some(connection) => connection.clone(),
            None => {
                let connection = self.shared.target.connect()?;
                link.connection = Some(connection.clone());
                connection
            }
        };
        Ok((link.generation, connection))
    }

    /// The next call connects again, unless another call has seen to that.
    fn replace(&self, generation: u64) {
        let mut link = self.shared.link.lock();
        if link.generation == generation {
            *link = Link { generation: generation + 1, connection: None };
        }
    }
}

impl Target {
    fn connect(&self) -> RedisResult<Connection> {
        match self {
            // Its own time-out and retries would come on top of ours.
            Self::Single(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(CONNECT_WITHIN))
                    .set_response_timeout(None)
                    .set_number_of_retries(0);
                ConnectionManager::new_lazy_with_config(Client::clone(client), config)
                    .map(Connection::Single)
            }
            Self::Cluster(client) => {
                let config = ClusterConfig::new();
                let cluster = client.get_pending_async_connection_with_config(config);
                Ok(Connection::Cluster(cluster))
            }
        }
    }
}

async fn in_time(call: impl Future<Output = RedisResult<Value>>) -> Result<Value, CallError> {
    match timeout(ANSWER_WITHIN, call).await {
        Ok(answer) => answer.map_err(CallError::Failed),
        Err(_) => Err(CallError::Late),
    }
}

/// Whether the next call is better off on another connection: this one leads to a server that
/// is silent, or to a replica that was the primary before a fail-over. A connection that broke
/// mends itself.
fn is_of_bad_connection(error: &CallError) -> bool {
    match error {
        CallError::Late => true,
        CallError::Failed(error) => {
            is_server(error, ServerErrorKind::ReadOnly) || error.is_timeout()
        }
        CallError::Strange => false,
    }
}

fn is_server(error: &redis::RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}
