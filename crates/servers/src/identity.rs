//! An identity provider on this machine.

use std::process::Command;

use crate::{
    Server,
    server::{answers, local},
};

/// A provider that speaks `OpenID` Connect: anybody may be anyone there, by a form.
#[derive(Debug)]
pub struct IdentityProvider(Server);

impl IdentityProvider {
    /// Starts one that says this of its users: JSON objects with `sub` and other claims.
    #[must_use]
    pub fn start(users: &[&str]) -> Self {
        let program = local("venv/bin/oidc-provider-mock");
        Self(Server::start(
            |port, _| {
                let mut command = Command::new(&program);
                command.args(["--require-nonce", "true", "--port", &port.to_string()]);
                command.args(users.iter().flat_map(|user| ["--user-claims", user]));
                command
            },
            |address| {
                let request = b"GET /.well-known/openid-configuration HTTP/1.0\r\nHost: x\r\n\r\n";
                answers(address, request, "\"issuer\"")
            },
        ))
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}
