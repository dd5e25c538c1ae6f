//! TLS: a server is believed when it shows a certificate of the authority that is trusted.

use std::{fs, net::TcpListener, path::Path, process::Command};

use lmall_app::ports::StockGate;
use lmall_aws::redis::{Redis, RedisGate};
use lmall_contract::gate::sku;
use lmall_servers as servers;
use tempfile::TempDir;

/// An authority and a certificate of its own for this machine, made anew.
fn certificates(dir: &Path) {
    let run = |words: &[&str]| {
        let done = Command::new("openssl").args(words).current_dir(dir).output();
        let done = done.expect("openssl is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("room for a file");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = ["req", "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca"];
    run(&[&authority[..], &key].concat());
    let request = ["req", "-new", "-subj", "/CN=redis", "-keyout", "key", "-out", "request"];
    run(&[&request[..], &key].concat());
    run(&[
        "x509",
        "-req",
        "-in",
        "request",
        "-CA",
        "ca",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "certificate",
    ]);
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

#[tokio::test]
async fn only_a_trusted_certificate_is_spoken_to() {
    let (ours, theirs) = (TempDir::new().expect("a place"), TempDir::new().expect("a place"));
    certificates(ours.path());
    certificates(theirs.path());
    let port = free_port();
    let path = |name: &str| ours.path().join(name).display().to_string();
    let (certificate, key, authority) = (path("certificate"), path("key"), path("ca"));
    let _server = servers::Redis::start_with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://127.0.0.1:{port}");
    let authority = |dir: &TempDir| fs::read(dir.path().join("ca")).expect("it was made");
    let gate = |redis| RedisGate::new(redis);
    let trusting = |dir| Redis::trusting(&url, &authority(dir)).expect("an address");
    gate(trusting(&ours)).close(&sku()).await.expect("a trusted certificate");
    gate(trusting(&theirs)).close(&sku()).await.expect_err("another authority's certificate");
    let system = Redis::new(&url).expect("an address");
    gate(system).close(&sku()).await.expect_err("no authority of the system");
}
