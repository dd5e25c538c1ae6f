//! The id generator as a service on AWS.

use lmall_aws::dynamo::create_tables;
use lmall_servers::LocalAws;
use serde_json::Value;

use crate::support::{ACCOUNT, Api, Call, OPERATOR_TOKEN, REGION, Service, clients, eventually};

/// A stack that is away: nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn start(endpoint: &str) -> (Service, Api) {
    let variables = [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCOUNT),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("LMALL_AWS_ACCOUNT", ACCOUNT),
        ("LMALL_AWS_ENDPOINT", endpoint),
        ("LMALL_OPERATOR_TOKEN", OPERATOR_TOKEN),
        ("LMALL_LOG", "warn"),
    ];
    let service = Service::start("lmall-id-generator", &variables);
    let api = Api::new(service.url.clone());
    (service, api)
}

async fn draw(api: &Api) -> Value {
    api.send(Call::get("/v1/ids?count=3").operator()).await.json(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_generators_share_the_machine_ids_of_a_stack() {
    let aws = LocalAws::start();
    create_tables(&clients(&aws.url())).await.expect("an empty stack");
    let mut machines = Vec::new();
    let services = [start(&aws.url()), start(&aws.url())];
    for (_, api) in &services {
        let drawn = eventually("a lease is held", async || {
            let drawn = draw(api).await;
            if drawn["kind"] == "snowflake" { Ok(drawn) } else { Err(drawn.to_string()) }
        })
        .await;
        let id: u64 = drawn["ids"][0].as_str().and_then(|id| id.parse().ok()).expect("digits");
        machines.push(id >> 13 & 0x1ff);
        api.send(Call::get("/readyz")).await.json(200);
    }
    machines.sort_unstable();
    assert_eq!(machines, [0, 1]);
    for (service, _) in services {
        service.ends_well();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_stack_a_generator_answers_ulids_and_is_not_ready() {
    let (service, api) = start(NOWHERE);
    let drawn = draw(&api).await;
    assert_eq!(drawn["kind"], "ulid");
    assert_eq!(drawn["ids"][0].as_str().map(str::len), Some(26), "{drawn}");
    api.send(Call::get("/readyz")).await.problem(503, "unavailable");
    api.send(Call::get("/healthz")).await.json(200);
    let metrics = api.send(Call::get("/metrics")).await;
    let lease = "lmall_ids_lease_remaining_seconds 0";
    assert!(metrics.text().contains(lease), "{}", metrics.text());
    service.ends_well();
}
