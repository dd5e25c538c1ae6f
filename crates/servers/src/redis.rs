//! Redis: one server, or a cluster of three.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{Server, server::answers};

const PING: &[u8] = b"PING\r\n";

/// One Redis server, without persistence: what is killed is forgotten.
#[derive(Debug)]
pub struct Redis(Server);

impl Redis {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more of `redis-server`'s options.
    ///
    /// # Panics
    /// When `redis-server` is not installed.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        let start = |port: u16, home: &Path| command(port, home, options);
        Self(Server::start(start, |address| answers(address, PING, "PONG")))
    }

    /// `redis://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Ends it, as `kill -9` does.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts it again on the same port, empty.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn restart(&mut self) {
        self.0.kill();
        let start = |port: u16, home: &Path| command(port, home, &[]);
        let is_ready = |address: SocketAddr| answers(address, PING, "PONG");
        let restarted = Server::try_start(self.address().port(), &start, &is_ready);
        self.0 = restarted.expect("nobody took the port meanwhile");
    }

    /// What `redis-cli` answers to a command.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn cli(&self, words: &[&str]) -> String {
        cli(self.address().port(), words)
    }
}

/// Three Redis servers as one cluster, all of them masters.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts one, and waits until it serves.
    ///
    /// # Panics
    /// When `redis-server` or `redis-cli` is not installed.
    #[must_use]
    pub fn start() -> Self {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let nodes: Vec<_> = (0..3).map(|_| Redis::start_with(&options)).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| node.address().to_string()).collect();
        let mut words = vec!["--cluster", "create", "--cluster-yes"];
        words.extend(addresses.iter().map(String::as_str));
        let first = nodes.first().expect("three nodes").address().port();
        cli(first, &words);
        let until = Instant::now() + Duration::from_secs(30);
        while !nodes.iter().all(|node| node.cli(&["cluster", "info"]).contains("state:ok")) {
            assert!(Instant::now() < until, "the cluster does not get ready");
            thread::sleep(Duration::from_millis(20));
        }
        Self { nodes }
    }

    /// The addresses of the nodes, separated by commas.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes.iter().map(Redis::url).collect::<Vec<_>>().join(",")
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}

fn command(port: u16, home: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", "no", "--dir"]).arg(PathBuf::from(home)).args(options);
    command
}

fn cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output();
    let output = output.expect("redis-cli is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "redis-cli {words:?}: {said}");
    said
}
