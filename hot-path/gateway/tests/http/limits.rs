//! Who asks more often than they may.

use std::time::Duration;

use axum::Router;

use crate::{
    support::{Behind, Made, echo, options, problem},
    tokens::Issuer,
};

async fn limited(words: &[&str]) -> Behind {
    let made = Made { options: options(words), ..Made::default() };
    Behind::service(Router::new().fallback(echo), made).await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let behind = limited(&["--limits", "read.address=1/m:2"]).await;
    for left in ["1", "0"] {
        let (parts, _) = behind.get("/v1/orders/7", &[]).await;
        assert_eq!(parts.status, 200);
        assert_eq!(parts.headers["ratelimit-limit"], "2");
        assert_eq!(parts.headers["ratelimit-remaining"], left);
    }
    let (parts, text) = behind.get("/v1/orders/7", &[]).await;
    assert_eq!(problem(text.as_bytes()), (429, "/problems/rate-limited".to_owned()));
    assert_eq!(parts.headers["retry-after"], "60");
    assert_eq!(parts.headers["ratelimit-remaining"], "0");
    assert_eq!(parts.headers["ratelimit-reset"], "120");
    let series = "lmall_gateway_limited_total{class=\"read\",by=\"address\"}";
    assert_eq!(behind.metric(series), 1);
    let (parts, _) = behind.get("/healthz", &[]).await;
    assert_eq!(parts.status, 200, "those who run it may always ask how it is");
    behind.clock.advance(Duration::from_secs(60));
    assert_eq!(behind.get("/v1/orders/7", &[]).await.0.status, 200);
}

#[tokio::test]
async fn customers_at_one_address_do_not_share_what_they_may() {
    let made = Made::default();
    let issuer = Issuer::new();
    let now = crate::tokens::now(&made.clock);
    let identity = issuer.identity(&made.clock);
    let limits = options(&["--limits", "read.customer=1/m:1"]);
    let made = Made { identity, options: limits, ..made };
    let behind = Behind::service(Router::new().fallback(echo), made).await;
    let token = |customer: &str| {
        let mut claims = crate::tokens::claims(now);
        claims["sub"] = customer.into();
        let header = serde_json::json!({"alg": "EdDSA", "kid": "k1"});
        format!("Bearer {}", issuer.signed(&header, &claims))
    };
    let call = async |token: &str| {
        behind.get("/v1/orders/7", &[("authorization", token)]).await.0.status.as_u16()
    };
    let (ann, bob) = (token("ann"), token("bob"));
    assert_eq!((call(&ann).await, call(&ann).await, call(&bob).await), (200, 429, 200));
    let series = "lmall_gateway_limited_total{class=\"read\",by=\"customer\"}";
    assert_eq!(behind.metric(series), 1);
}

#[tokio::test]
async fn an_address_is_believed_from_a_proxy_of_ours_alone() {
    let limit = "read.address=1/m:1";
    for (proxies, statuses) in [("0", [200, 429]), ("1", [200, 200])] {
        let behind = limited(&["--limits", limit, "--trusted-proxies", proxies]).await;
        let forwarded = |address: &str| format!("9.9.9.9, {address}");
        let mut seen = Vec::new();
        for address in ["203.0.113.7", "203.0.113.8"] {
            let value = forwarded(address);
            let headers = [("x-forwarded-for", value.as_str())];
            seen.push(behind.get("/v1/orders/7", &headers).await.0.status.as_u16());
        }
        assert_eq!(seen, statuses, "{proxies}");
    }
    let behind = limited(&["--limits", limit, "--trusted-proxies", "1"]).await;
    for (told, status) in [("1.1.1.1", 200), ("2.2.2.2", 429), ("3.3.3.3", 429)] {
        let value = format!("{told}, 203.0.113.7");
        let headers = [("x-forwarded-for", value.as_str())];
        let (parts, _) = behind.get("/v1/orders/7", &headers).await;
        assert_eq!(parts.status, status, "what a client says itself is to the left");
    }
}

#[tokio::test]
async fn guessing_passwords_is_slower_than_reading() {
    let behind = limited(&["--limits", "login.address=1/m:1"]).await;
    let post = async |path: &str| {
        let request = http::Request::post(path).body(crate::support::body("")).unwrap();
        behind.call(request).await.0.status.as_u16()
    };
    assert_eq!(post("/v1/sessions").await, 200);
    assert_eq!(post("/v1/sessions").await, 429);
    assert_eq!(post("/v1/customers").await, 429, "one limit for all ways in");
    assert_eq!(post("/v1/orders").await, 200);
    assert_eq!(behind.get("/v1/sessions", &[]).await.0.status, 200);
}
