//! What the load balancer sends to the function: the sample events, answered by the routes.

use std::{fs, path::Path};

use http::Request;
use lambda_http::request::from_str;
use lmall_web::testing::{Answer, OPERATOR_TOKEN, call, json};
use serde_json::Value;

use crate::reading::{World, world};

impl World {
    async fn sample(&self, name: &str) -> Answer {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let text = fs::read_to_string(events.join(name)).expect("the sample is there");
        let request = from_str(&text).expect("an event of a load balancer");
        call(self.router.clone(), request.map(|body| body.to_vec().into())).await
    }
}

#[tokio::test]
async fn each_sample_comes_to_the_route_that_it_is_for() {
    let world = world();
    for (sku, name) in [("tea-01", "Green tea"), ("pot-01", "Teapot")] {
        let body = format!(r#"{{"name":"{name}","price":{{"amount":499,"currency":"EUR"}}}}"#);
        let put = json(Request::put(format!("/v1/products/{sku}")))
            .header("x-operator-token", OPERATOR_TOKEN)
            .body(body.into());
        let answer = call(world.router.clone(), put.expect("a valid request")).await;
        assert_eq!(answer.status, 202, "the order service is away");
    }
    let read = |answer: Answer| {
        assert_eq!(answer.status, 200, "{}", answer.text);
        serde_json::from_str::<Value>(&answer.text).expect("JSON")
    };
    // Its index is new, and knows of nothing before somebody asks.
    let found = read(world.sample("product-api-search.json").await);
    assert_eq!(found["items"][0]["sku"], "tea-01", "{found}");
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "both words: {found}");
    let quote = read(world.sample("product-api-quote.json").await);
    assert_eq!(quote["total"]["amount"], 998, "{quote}");
}
