//! gRPC, as Google's own client for Python sees it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::support::{Server, command, run_to_end, serve_command, temp_dir};

const SERVICE: &str = "lmall.inventory.v1.Inventory";

/// How long the interpreter may take; it is a slow starter.
const PYTHON_WITHIN: Duration = Duration::from_secs(30);

/// A shop that listens for gRPC, and where.
async fn shop() -> (Server, String, TempDir) {
    let data = temp_dir();
    let mut command = serve_command(data.path());
    command.args(["--grpc-listen", "127.0.0.1:0"]);
    let shop = Server::started(command).await;
    let line = shop.printed().last().expect("the ready line").clone();
    let address = line.split_once(", grpc: ").and_then(|(_, rest)| rest.strip_suffix(')'));
    let address = address.unwrap_or_else(|| panic!("no address of gRPC in {line}")).to_owned();
    (shop, address, data)
}

/// Their client, told to do this.
pub(crate) fn python(address: &str, what: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../.local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test, which makes it", python.display());
    let mut command = Command::new(python);
    command.arg(root.join("tests/lmall/grpc_client.py")).arg(address).args(what);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn level(sku: &str, available: &str) -> Value {
    json!({ "sku": sku, "available": available })
}

#[tokio::test]
async fn their_client_calls_what_reflection_describes() {
    let (shop, address, _data) = shop().await;
    for (sku, units) in [("tea", 5), ("oil", 7)] {
        shop.stock_up(sku, units).await;
    }
    let pid = shop.pid().as_raw_nonzero().to_string();
    let ended = run_to_end(python(&address, &["calls", &pid]), PYTHON_WITHIN).await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let seen: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let services = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
        "lmall.product.v1.Quotes",
    ];
    assert_eq!(seen["services"], json!(services));
    assert_eq!(seen["one"]["answer"]["availability"], level("tea", "5"), "{seen:#}");
    let told = json!({
        "x-request-id": "asked-by-python",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "x-customer-id": "ann",
    });
    assert_eq!(seen["one"]["told"], told, "{seen:#}");
    let many = json!({
        "availabilities": [level("oil", "7"), level("tea", "5")],
        "unknown_skus": ["never"],
    });
    assert_eq!(seen["many"]["answer"], many, "{seen:#}");
    assert_ne!(seen["many"]["told"]["x-request-id"], Value::Null, "one is made");
    for (call, status, violations) in [
        ("unknown", "NOT_FOUND", false),
        ("invalid", "INVALID_ARGUMENT", true),
        ("too_many", "INVALID_ARGUMENT", true),
        ("two_customers", "UNAUTHENTICATED", false),
        ("too_late", "DEADLINE_EXCEEDED", false),
    ] {
        let seen = &seen[call];
        assert_eq!(seen["status"], status, "{call}: {seen:#}");
        assert_eq!(seen["violations"], violations, "{call}: {seen:#}");
    }
    assert_eq!(seen["after_that"]["status"], "OK", "{seen:#}");
    let health = json!({ "": "SERVING", SERVICE: "SERVING", "lmall.order.v1.Orders": "NOT_FOUND" });
    assert_eq!(seen["health"], health);
    let metrics = shop.send(crate::support::Call::get("/metrics")).await;
    let counted = r#"lmall_grpc_calls_total{service="lmall.inventory.v1.Inventory",code="OK"}"#;
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

#[tokio::test]
async fn whoever_watches_is_told_that_the_server_stops() {
    let (shop, address, _data) = shop().await;
    let mut child = python(&address, &["watch"]).spawn().expect("the interpreter starts");
    let stdout = child.stdout.take().expect("a pipe");
    let (said, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _nobody_waits = said.send(line);
        }
    });
    let mut next = async || {
        let line = tokio::time::timeout(PYTHON_WITHIN, lines.recv()).await;
        line.expect("a line in time").expect("a line")
    };
    while next().await != "SERVING" {}
    shop.signal(Signal::TERM);
    assert_eq!(next().await, "NOT_SERVING");
    assert_eq!(next().await, "END");
    child.wait().expect("a child");
    shop.ends_well().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_refused_and_an_empty_one_is_none() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[("LMALL_GRPC_LISTEN", "")]).await;
    assert!(!shop.printed().iter().any(|line| line.contains("grpc")), "{:?}", shop.printed());
    let elsewhere = temp_dir();
    let data = elsewhere.path().to_str().expect("a path in UTF-8");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--grpc-listen", "nowhere", "--data", data];
    let ended = run_to_end(command(&serve), PYTHON_WITHIN).await;
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("LMALL_GRPC_LISTEN"), "{ended:#?}");
}
