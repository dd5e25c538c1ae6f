//! gRPC of the inventory service on AWS.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::{
    grpc::python,
    support::{Installation, Service, eventually},
};

/// Where it says that it listens.
async fn address(service: &Service) -> String {
    eventually("it listens for gRPC", async || {
        let log = service.log();
        let mut said = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = said.find(|line| line["message"] == "listening for gRPC");
        let address = line.and_then(|line| line["server.address"].as_str().map(str::to_owned));
        address.ok_or_else(|| format!("{log:#?}"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_service_is_healthy_over_grpc_until_it_stops() {
    let grpc = [("LMALL_GRPC_LISTEN", "127.0.0.1:0"), ("LMALL_LOG", "info")];
    let shop = Installation::start(&grpc).await;
    let address = address(&shop.inventory).await;
    let mut child = python(&address, &["watch"]).spawn().expect("the interpreter starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    while next() != "SERVING" {}
    shop.ends_well();
    assert_eq!([next(), next()], ["NOT_SERVING", "END"]);
    child.wait().expect("a child");
}
