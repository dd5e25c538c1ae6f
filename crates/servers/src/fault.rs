//! A proxy that injects faults.

use std::{fs, net::SocketAddr, process::Command, time::Duration};

use crate::{
    Server,
    server::{free_port, local},
};

/// A proxy in front of a server, with rules of what goes wrong.
#[derive(Debug)]
pub struct FaultProxy(Server);

impl FaultProxy {
    /// A proxy in front of an AWS endpoint.
    #[must_use]
    pub fn of_aws(upstream: &str, rules: &str) -> Self {
        Self::start("http", upstream, rules)
    }

    /// A proxy in front of a Redis server, `host:port`.
    #[must_use]
    pub fn of_redis(upstream: &str, rules: &str) -> Self {
        Self::start("redis", upstream, rules)
    }

    fn start(protocol: &str, upstream: &str, rules: &str) -> Self {
        let program = local("venv/bin/microburst");
        let control = free_port().to_string();
        Self(Server::start(
            |port, home| {
                let file = home.join("rules.yml");
                fs::write(&file, rules).expect("room for the rules");
                let mut command = Command::new(&program);
                command.args(["--protocol", protocol, "--upstream", upstream]);
                command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
                command.args(["--control-port", &control, "--config"]).arg(file);
                command
            },
            |address| {
                std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok()
            },
        ))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}
