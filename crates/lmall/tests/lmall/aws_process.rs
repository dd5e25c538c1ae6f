//! The services as processes: what they refuse to start with, and what they start without.

use serde_json::json;

use crate::{
    api_waiting::ROOM,
    support::{Api, Call, Service, run_binary},
};

const SERVICES: [&str; 7] = [
    "lmall-order",
    "lmall-inventory",
    "lmall-payment",
    "lmall-product",
    "lmall-ops",
    "lmall-id-generator",
    "lmall-gateway",
];

/// What each service needs, and nothing that is there.
const GOOD: [(&str, &str); 13] = [
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "111122223333"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("LMALL_AWS_ACCOUNT", "111122223333"),
    ("LMALL_OPERATOR_TOKEN", "token"),
    ("LMALL_PROVIDERS", "[]"),
    ("LMALL_REDIS_URL", "redis://127.0.0.1:1"),
    ("LMALL_ORDER_URL", "http://127.0.0.1:1"),
    ("LMALL_INVENTORY_URL", "http://127.0.0.1:1"),
    ("LMALL_PAYMENT_URL", "http://127.0.0.1:1"),
    ("LMALL_PRODUCT_URL", "http://127.0.0.1:1"),
    ("LMALL_OPS_URL", "http://127.0.0.1:1"),
    ("LMALL_IDENTITY", "direct"),
];

#[test]
fn a_bad_configuration_is_one_line_and_code_2() {
    let all = SERVICES;
    let rows: [(&[&str], &str, &str); 10] = [
        (&all, "LMALL_LISTEN", "nowhere"),
        (&all, "LMALL_LOG", "http=loud"),
        (&all, "AWS_REGION", ""),
        (&all, "LMALL_AWS_ACCOUNT", ""),
        (&["lmall-inventory", "lmall-order"], "LMALL_REDIS_URL", "nowhere"),
        (&["lmall-inventory"], "LMALL_GRPC_LISTEN", "nowhere"),
        (&["lmall-id-generator"], "LMALL_PUBLIC_ID_KEYS", "a:hush"),
        (&["lmall-gateway", "lmall-order"], "LMALL_ADMISSION_KEYS", "a:hush"),
        (&["lmall-payment"], "LMALL_PROVIDERS", "[{\"secrets\":[\"hush\"]}]"),
        (
            &["lmall-gateway", "lmall-payment", "lmall-product"],
            "LMALL_ORDER_URL",
            "ftp://elsewhere",
        ),
    ];
    for (services, variable, value) in rows {
        for service in services {
            let variables = [&GOOD[..], &[(variable, value)]].concat();
            let (code, said, complained) = run_binary(service, &[], &variables);
            let shown = format!("{service} {variable}={value}: {code:?} {said} {complained}");
            assert_eq!(code, Some(2), "{shown}");
            assert_eq!((complained.lines().count(), &*said), (1, ""), "{shown}");
            assert!(!complained.contains("hush"), "a secret: {shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_opens_without_its_secrets_and_what_they_are_for_stays_closed() {
    let variables: Vec<_> = GOOD
        .into_iter()
        .filter(|(name, _)| *name != "LMALL_OPERATOR_TOKEN")
        .chain([("LMALL_AWS_ENDPOINT", "http://127.0.0.1:1"), ("LMALL_LIMITS", "off")])
        .collect();
    let gateway = Service::start("lmall-gateway", &variables);
    let api = Api::new(gateway.url.clone());
    let room = json!({ "units": 1, "admitted_per_s": 1 });
    api.send(Call::put(ROOM).operator().json(&room)).await.problem(403, "forbidden");
    api.send(Call::get("/healthz")).await.json(200);
    gateway.ends_well();
}
