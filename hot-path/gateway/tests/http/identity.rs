//! Who services are told that calls.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use http::{Request, response::Parts};
use lmall_domain::Timestamp;
use serde_json::{Value, json};

use crate::{
    support::{Behind, Made, body, echo, options, problem},
    tokens::{Issuer, claims, message},
};

/// A gateway that believes tokens, and who makes them.
async fn door() -> (Behind, Arc<Issuer>, Timestamp) {
    let made = Made::default();
    let issuer = Issuer::new();
    let now = crate::tokens::now(&made.clock);
    let identity = issuer.identity(&made.clock);
    let behind = Behind::service(Router::new().fallback(echo), Made { identity, ..made }).await;
    (behind, issuer, now)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn refused(parts: &Parts, text: &str) {
    assert_eq!(problem(text.as_bytes()), (401, "/problems/unauthenticated".to_owned()));
    assert_eq!(parts.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn a_token_becomes_the_customer_that_services_see() {
    let (behind, issuer, now) = door().await;
    let token = bearer(&issuer.token(now));
    let (parts, text) = behind.get("/v1/orders/7", &[("authorization", &token)]).await;
    assert_eq!(parts.status, 200, "{text}");
    for line in ["x-customer-id: ann\n", "x-session-id: ses_1\n", "x-client-address: 127.0.0.1\n"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("authorization"), "{text}");
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_not_passed_on() {
    let (behind, issuer, now) = door().await;
    let token = bearer(&issuer.token(now));
    let claimed = [
        ("x-customer-id", "bob"),
        ("X_Customer_Id", "bob"),
        ("x-customer-id", "eve"),
        ("x-session-id", "bobs"),
        ("x-client-address", "1.1.1.1"),
        ("x-forwarded-for", "1.1.1.1"),
        // It would take away what the gateway puts there.
        ("connection", "x-customer-id, x-client-address"),
    ];
    for path in ["/v1/orders/7", "/v1/waiting-rooms/tea"] {
        let (parts, text) = behind.get(path, &claimed).await;
        assert_eq!(parts.status, 200);
        assert!(!text.contains("customer") && !text.contains("session"), "{text}");
        assert!(!text.contains("1.1.1.1"), "{text}");
        let with_token = [&claimed[..], &[("authorization", &token)]].concat();
        let (_, text) = behind.get(path, &with_token).await;
        assert_eq!(text.matches("x-customer-id: ann\n").count(), 1, "{text}");
        assert_eq!(text.matches("customer").count(), 1, "{text}");
        assert!(text.contains("x-client-address: 127.0.0.1\n"), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused_and_counted() {
    let (behind, issuer, now) = door().await;
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"});
    let with = |name: &str, value: Value| {
        let mut claims = claims(now);
        claims[name] = value;
        claims
    };
    let signed = |claims: &Value| issuer.signed(&header, claims);
    let headed = |header: Value| issuer.signed(&header, &claims(now));
    let good = issuer.token(now);
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let none = message(&json!({"alg": "none", "kid": "k1"}), &claims(now));
    let hs256 = hs256_with_the_public_key(&issuer, now);
    let now_s = now.as_secs();
    let rows = [
        (format!("{none}."), "malformed"),
        (hs256, "algorithm"),
        (headed(json!({"alg": "RS256", "kid": "k1"})), "algorithm"),
        (headed(json!({"alg": "ES256", "kid": "k1"})), "algorithm"),
        (headed(json!({"alg": "EdDSA"})), "unknown_key"),
        (headed(json!({"alg": "EdDSA", "kid": "k2"})), "unknown_key"),
        (headed(json!({"alg": "EdDSA", "kid": "k1", "crit": ["exp"], "exp": 1})), "malformed"),
        (format!("{unsigned}."), "signature"),
        (format!("{unsigned}.{}", "A".repeat(86)), "signature"),
        (good.replace('.', "x."), "malformed"),
        (signed(&with("iss", json!("somebody"))), "issuer"),
        (signed(&with("aud", json!("another shop"))), "audience"),
        (signed(&with("aud", json!(["lmall", "another shop"]))), "malformed"),
        (signed(&with("exp", json!(now_s - 5))), "expired"),
        (signed(&with("exp", Value::Null)), "malformed"),
        (signed(&with("iat", json!(now_s + 6))), "early"),
        (signed(&with("nbf", json!(now_s + 6))), "early"),
        (signed(&with("sub", json!("no customer id"))), "malformed"),
        (signed(&with("sid", Value::Null)), "malformed"),
        ("a".repeat(4_097), "too_long"),
        (String::new(), "scheme"),
        ("x.y".to_owned(), "malformed"),
    ];
    for (token, reason) in rows {
        let series = format!("lmall_gateway_token_failures_total{{reason=\"{reason}\"}}");
        let before = behind.metric(&series);
        let token = bearer(&token);
        let (parts, text) = behind.get("/v1/orders/7", &[("authorization", &token)]).await;
        assert_eq!(parts.status, 401, "{reason} {token}: {text}");
        refused(&parts, &text);
        assert_eq!(behind.metric(&series), before + 1, "{reason} {token}");
    }
    let kept = signed(&with("exp", json!(now_s - 4)));
    let (parts, _) = behind.get("/v1/orders/7", &[("authorization", &bearer(&kept))]).await;
    assert_eq!(parts.status, 200, "within the leeway");
}

/// What a verifier believes that lets the header choose: the public key is no secret.
fn hs256_with_the_public_key(issuer: &Issuer, now: Timestamp) -> String {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some("k1".to_owned());
    let secret = jsonwebtoken::EncodingKey::from_secret(&issuer.public_key());
    jsonwebtoken::encode(&header, &claims(now), &secret.expect("a secret")).expect("a token")
}

#[tokio::test]
async fn two_tokens_or_another_scheme_are_refused() {
    let (behind, issuer, now) = door().await;
    let token = bearer(&issuer.token(now));
    let rows: [&[(&str, &str)]; 3] = [
        &[("authorization", &token), ("authorization", &token)],
        &[("authorization", "Basic YW5uOnNlY3JldA==")],
        &[("authorization", "Bearer")],
    ];
    for headers in rows {
        let (parts, text) = behind.get("/v1/orders/7", headers).await;
        refused(&parts, &text);
    }
    let (parts, _) = behind.get("/v1/products", &[]).await;
    assert_eq!(parts.status, 200, "who shows none goes on without");
    let webhook = Request::post("/v1/webhooks/demo").header("authorization", "Basic x");
    let (parts, echoed) = behind.call(webhook.body(body("")).unwrap()).await;
    assert_eq!(parts.status, 200, "a provider's own");
    assert!(String::from_utf8_lossy(&echoed).contains("authorization: Basic x\n"));
}

#[tokio::test]
async fn keys_are_fetched_once_and_not_for_every_name_that_somebody_invents() {
    let (behind, issuer, now) = door().await;
    let token = bearer(&issuer.token(now));
    let headers = [("authorization", token.as_str())];
    let calls = (0..20).map(|_| behind.get("/v1/orders/7", &headers));
    for (parts, _) in futures_util::future::join_all(calls.collect::<Vec<_>>()).await {
        assert_eq!(parts.status, 200);
    }
    let fetches = || issuer.fetches.load(Ordering::SeqCst);
    assert_eq!(fetches(), 1, "by one for all");
    let invented = |kid: &str| {
        let header = json!({"alg": "EdDSA", "kid": kid});
        bearer(&issuer.signed(&header, &claims(now)))
    };
    for number in 0..20 {
        let token = invented(&format!("k{number}0"));
        let (parts, _) = behind.get("/v1/orders/7", &[("authorization", &token)]).await;
        assert_eq!(parts.status, 401);
    }
    assert_eq!(fetches(), 1, "not within the pause");
    issuer.add_key("k2");
    let new = invented("k2");
    let call = async || behind.get("/v1/orders/7", &[("authorization", &new)]).await.0.status;
    assert_eq!(call().await, 401, "not within the pause");
    behind.clock.advance(Duration::from_secs(10));
    assert_eq!(call().await, 200);
    assert_eq!(fetches(), 2);
}

#[tokio::test]
async fn keys_outlive_the_service_that_shows_them_but_not_for_ever() {
    let (behind, issuer, _) = door().await;
    let call = async || {
        let token = bearer(&issuer.token(crate::tokens::now(&behind.clock)));
        behind.get("/v1/orders/7", &[("authorization", &token)]).await.0.status
    };
    assert_eq!(call().await, 200);
    issuer.hides_keys.store(true, Ordering::SeqCst);
    behind.clock.advance(Duration::from_secs(3_599));
    assert_eq!(call().await, 200);
    behind.clock.advance(Duration::from_secs(2));
    assert_eq!(call().await, 503, "an hour is over");
    issuer.hides_keys.store(false, Ordering::SeqCst);
    assert_eq!(call().await, 503, "within the pause");
    behind.clock.advance(Duration::from_secs(1));
    assert_eq!(call().await, 200);
}

#[tokio::test]
async fn a_session_that_has_ended_opens_nothing_soon_and_while_nobody_knows_old_answers_hold() {
    let (behind, issuer, now) = door().await;
    let token = bearer(&issuer.token(now));
    let call = async || behind.get("/v1/orders/7", &[("authorization", &token)]).await.0.status;
    assert_eq!((call().await.as_u16(), call().await.as_u16()), (200, 200));
    assert_eq!(issuer.looks.load(Ordering::SeqCst), 1, "remembered for a moment");
    issuer.is_away.store(true, Ordering::SeqCst);
    behind.clock.advance(Duration::from_secs(59));
    assert_eq!(call().await, 200, "what was said a minute ago");
    behind.clock.advance(Duration::from_secs(1));
    assert_eq!(call().await, 503, "nobody knows any more");
    issuer.is_away.store(false, Ordering::SeqCst);
    issuer.end_session("ses_1");
    behind.clock.advance(Duration::from_secs(1));
    assert_eq!(call().await, 401);
    let series = "lmall_gateway_token_failures_total{reason=\"revoked\"}";
    assert_eq!(behind.metric(series), 1);
}

#[tokio::test]
async fn services_in_the_same_process_stand_behind_the_same_door() {
    let made = Made::default();
    let issuer = Issuer::new();
    let identity = issuer.identity(&made.clock);
    let token = bearer(&issuer.token(crate::tokens::now(&made.clock)));
    let service = Router::new().route("/v1/orders/{id}", axum::routing::any(echo)).fallback(echo);
    let made = Made { identity, options: options(&["--limits", "off"]), ..made };
    let behind = Behind::in_process(service, made).await;
    let headers = [("authorization", token.as_str()), ("x-customer-id", "bob")];
    let (parts, text) = behind.get("/v1/orders/7?x=1", &headers).await;
    assert_eq!(parts.status, 200);
    assert!(text.starts_with("GET /v1/orders/7?x=1\n"), "{text}");
    assert_eq!(text.matches("customer").count(), 1, "{text}");
    assert!(text.contains("x-customer-id: ann\n"), "{text}");
    for path in ["/healthz", "/metrics", "/v1/waiting-rooms/tea", "/v1/sessions", "/v1/nowhere"] {
        let (parts, text) = behind.get(path, &[("x-customer-id", "bob")]).await;
        let there = path != "/v1/nowhere";
        assert_eq!(parts.status == 200, there, "{path}");
        assert!(!text.contains("bob"), "{path}: {text}");
    }
}
