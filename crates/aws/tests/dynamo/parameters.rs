//! Parameters, on a local stack.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_ssm::types::ParameterType;
use lmall_aws::{Clients, Parameters, parameters::FRESH_FOR};
use lmall_contract::clock::ManualClock;
use lmall_servers::LocalAws;

use crate::support::clients;

fn asked(clients: &Clients) -> u64 {
    let calls = clients.meter.read().calls;
    calls.iter().filter(|calls| calls.operation == "GetParameter").map(|calls| calls.requests).sum()
}

#[tokio::test]
async fn a_secret_is_asked_for_once_and_outlives_its_store() {
    let server = LocalAws::start();
    let clients = clients(&server.url(), "shop");
    let put = |value: &str| {
        let put = clients.ssm.put_parameter().name("/shop/operator-token").value(value);
        put.r#type(ParameterType::SecureString).overwrite(true).send()
    };
    put("secret-1").await.expect("a parameter");
    let clock = Arc::new(ManualClock::new());
    let parameters = Parameters::new(&clients, clock.clone());
    assert!(!format!("{parameters:?}").contains("secret"));
    let all = futures_util::future::join_all((0..20).map(|_| parameters.get("operator-token")));
    for value in all.await {
        assert_eq!(value.expect("an answer").as_deref(), Some("secret-1"));
    }
    assert_eq!(asked(&clients), 1);
    assert_eq!(parameters.get("nothing").await.expect("an answer"), None);
    assert!(parameters.get("../other/secret").await.is_err());
    assert_eq!(asked(&clients), 2);
    put("secret-2").await.expect("a parameter");
    clock.advance(FRESH_FOR);
    // The old value at once, and the new one when it has come.
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let value = parameters.get("operator-token").await.expect("an answer").expect("a value");
        if &*value == "secret-2" {
            break;
        }
        assert!(Instant::now() < until, "a rotated secret never arrives");
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(&clients), 3);
    parameters.replace("operator-token", "secret-3").await.expect("replaced");
    let value = parameters.get("operator-token").await.expect("an answer");
    assert_eq!(value.as_deref(), Some("secret-3"), "at once");
    drop(server);
    clock.advance(FRESH_FOR);
    let value = parameters.get("operator-token").await.expect("the old value");
    assert_eq!(value.as_deref(), Some("secret-3"));
    assert!(parameters.replace("operator-token", "secret-4").await.is_err());
    assert!(parameters.get("new-name").await.is_err());
}
