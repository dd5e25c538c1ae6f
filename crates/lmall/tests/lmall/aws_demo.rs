//! The whole story, through the gateway.

use serde_json::Value;

use crate::support::{Installation, OPERATOR_TOKEN, SECRET_DEMO, run_binary};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_tells_its_story_on_aws_and_every_service_drains() {
    let shop = Installation::start(&[("LMALL_PAYMENT_TIMEOUT_S", "8")]).await;
    let url = shop.gateway.url.clone();
    let words = ["demo", "--json", "--url", &url];
    let secrets =
        [("LMALL_OPERATOR_TOKEN", OPERATOR_TOKEN), ("LMALL_PROVIDER_SECRET", SECRET_DEMO)];
    let (code, said, complained) = run_binary("lmall", &words, &secrets);
    assert_eq!(code, Some(0), "{said}\n{complained}\n{:#?}", shop.log());
    let story: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(story["ok"], true, "{story:#}");
    shop.ends_well();
}
