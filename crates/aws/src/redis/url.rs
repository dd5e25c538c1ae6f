//! The addresses of Redis.

use redis::{Client, TlsCertificates, cluster::ClusterClient};

use super::connection::{CLUSTER_RETRIES, CONNECT_WITHIN};

/// An address that cannot be used. The address itself is not shown: it may have a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RedisError(pub String);

/// Whom to connect to.
pub(super) enum Target {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Target {
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

/// Reads addresses: one of a server, or those of some nodes of a cluster.
pub(super) fn read(text: &str, root_certificate: Option<&[u8]>) -> Result<Target, RedisError> {
    let (is_cluster, nodes) = nodes(text);
    if nodes.iter().any(|node| !has_known_scheme(node)) {
        return Err(RedisError("a Redis address begins with redis:// or rediss://".to_owned()));
    }
    let certificates = root_certificate
        .map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) });
    let target = match (&nodes[..], is_cluster, certificates) {
        ([server], false, Some(certificates)) => {
            Client::build_with_tls(server.as_str(), certificates).map(Box::new).map(Target::Single)
        }
        ([server], false, None) => Client::open(server.as_str()).map(Box::new).map(Target::Single),
        (nodes, _, certificates) => {
            let mut builder = ClusterClient::builder(nodes.iter().map(String::as_str))
                .connection_timeout(CONNECT_WITHIN)
                .response_timeout(CONNECT_WITHIN)
                .retries(CLUSTER_RETRIES);
            if let Some(certificates) = certificates {
                builder = builder.certs(certificates);
            }
            builder.build().map(Box::new).map(Target::Cluster)
        }
    };
    // The cause may repeat the address.
    target.map_err(|error| RedisError(format!("not a usable Redis address ({:?})", error.kind())))
}

/// Whether these are the nodes of a cluster, and their addresses. `redis+cluster://` marks one
/// address as that of a cluster, which several are without it.
fn nodes(text: &str) -> (bool, Vec<String>) {
    let is_marked = text.contains("+cluster://");
    let nodes: Vec<_> =
        text.split(',').map(|node| node.trim().replacen("+cluster://", "://", 1)).collect();
    (is_marked || nodes.len() > 1, nodes)
}

fn has_known_scheme(node: &str) -> bool {
    node.starts_with("redis://") || node.starts_with("rediss://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_wrong_ones_are_not_repeated() {
        for (text, is_cluster) in [
            ("redis://127.0.0.1:6379", Some(false)),
            ("redis://user:hunter2@127.0.0.1:6379", Some(false)),
            ("redis://127.0.0.1:1,redis://127.0.0.1:2", Some(true)),
            ("redis+cluster://127.0.0.1:1", Some(true)),
            ("rediss://user:hunter2@127.0.0.1:1, rediss://user:hunter2@127.0.0.1:2", Some(true)),
            ("", None),
            ("127.0.0.1:6379", None),
            ("http://127.0.0.1:6379", None),
            ("redis://", None),
            ("redis://user:hunter2@127.0.0.1:port", None),
            ("redis://127.0.0.1:1,", None),
            ("redis://:hunter2@127.0.0.1:1,redis://127.0.0.1:2", None),
        ] {
            match (read(text, None), is_cluster) {
                (Ok(Target::Single(_)), Some(false)) | (Ok(Target::Cluster(_)), Some(true)) => {}
                (Err(error), None) => {
                    let said = format!("{error} {error:?}");
                    assert!(!said.contains("hunter2"), "{said}");
                }
                (read, _) => panic!("{text}: {:?}", read.map(|_| "read").map_err(|e| e.0)),
            }
        }
    }
}
