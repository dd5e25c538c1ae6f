//! AWS on this machine: a stack of many services, and AWS's own DynamoDB.

use std::process::Command;

use crate::{
    Server,
    server::{answers, local},
};

/// A local stack that speaks the protocols of DynamoDB, SNS, SQS, EventBridge, Parameter Store,
/// Lambda and `CloudFormation`. It begins empty.
#[derive(Debug)]
pub struct LocalAws(Server);

impl LocalAws {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let program = local("venv/bin/ministack");
        Self(Server::start(
            |port, _| {
                let mut command = Command::new(&program);
                command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
                command.env("IOT_MTLS_ENABLED", "0");
                command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
                command
            },
            |address| answers(address, b"GET /_ministack/health HTTP/1.0\r\n\r\n", "\"dynamodb\""),
        ))
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

/// AWS's own DynamoDB Local. It begins empty. A table with a stream gets slow after some
/// thousand writes.
#[derive(Debug)]
pub struct DynamoLocal(Server);

impl DynamoLocal {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let folder = local("dynamodb-local");
        Self(Server::start(
            |port, _| {
                let mut command = Command::new("java");
                let libraries = folder.join("DynamoDBLocal_lib");
                command.arg("-Xmx512m").arg(format!("-Djava.library.path={}", libraries.display()));
                command.arg("-jar").arg(folder.join("DynamoDBLocal.jar"));
                command.args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port"]);
                command.arg(port.to_string());
                command
            },
            |address| answers(address, b"GET / HTTP/1.0\r\n\r\n", "HTTP/1"),
        ))
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}
