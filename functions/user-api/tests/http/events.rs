//! What the load balancer sends to the function: the sample events, answered by the routes.

use std::{fs, path::Path};

use axum::body::Body;
use http::Request;
use lambda_http::request::from_str;
use tower::ServiceExt;

use crate::support::router;

fn sample(name: &str) -> Request<Body> {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = fs::read_to_string(events.join(name)).expect("the sample is there");
    let request = from_str(&text).expect("an event of a load balancer");
    request.map(|body| Body::from(body.to_vec()))
}

#[tokio::test]
async fn each_sample_comes_to_the_route_that_it_is_for() {
    // Who logs in is looked up, and the store is away.
    for (name, status) in [("user-api-keys.json", 200), ("user-api-log-in.json", 503)] {
        let request = sample(name);
        assert_eq!(request.headers()["x-client-address"], "203.0.113.7", "{name}");
        let answer = router().oneshot(request).await.expect("it always answers");
        assert_eq!(answer.status(), status, "{name}");
    }
}
