//! What browsers are told.

use axum::Router;
use http::{Method, Request, response::Parts};

use crate::support::{Behind, Made, body, echo, options};

async fn behind(words: &[&str]) -> Behind {
    let words = [words, &["--limits", "off"]].concat();
    let made = Made { options: options(&words), ..Made::default() };
    Behind::service(Router::new().fallback(echo), made).await
}

async fn preflight(behind: &Behind, origin: &str) -> Parts {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/orders")
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    behind.call(request.body(body("")).expect("a request")).await.0
}

#[tokio::test]
async fn pages_of_the_origins_that_are_named_may_call_and_no_others() {
    let behind = behind(&["--cors-origins", "https://shop.example"]).await;
    let allowed = preflight(&behind, "https://shop.example").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://shop.example");
    assert_eq!(allowed.headers["vary"], "origin");
    let sent = &allowed.headers["access-control-allow-headers"];
    for header in ["authorization", "x-admission-token"] {
        assert!(sent.to_str().unwrap().contains(header), "{sent:?}");
    }
    assert!(allowed.headers.contains_key("x-request-id"));
    for other in ["https://shop.example.evil", "http://shop.example", "null"] {
        let refused = preflight(&behind, other).await;
        assert_eq!(refused.status, 204);
        assert_eq!(refused.headers["vary"], "origin");
        let cors = |name: &&http::HeaderName| name.as_str().starts_with("access-control");
        assert_eq!(refused.headers.keys().find(cors), None, "{other}");
    }
    for (path, status) in [("/v1/orders/7", 200), ("/v1/nowhere", 404)] {
        let (parts, _) = behind.get(path, &[("origin", "https://shop.example")]).await;
        assert_eq!(parts.status, status);
        assert_eq!(parts.headers["access-control-allow-origin"], "https://shop.example");
    }
}

#[tokio::test]
async fn without_origins_no_other_page_may_call_and_options_goes_on() {
    let behind = behind(&[]).await;
    let answer = preflight(&behind, "https://shop.example").await;
    assert_eq!(answer.headers["x-from"], "the service");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert!(!answer.headers.contains_key("vary"));
}

#[tokio::test]
async fn every_answer_says_what_browsers_must_not_do_with_it() {
    for (words, hsts) in [(&["--hsts"][..], true), (&[], false)] {
        let behind = behind(words).await;
        for path in ["/v1/orders/7", "/v1/nowhere", "/healthz"] {
            let (parts, _) = behind.get(path, &[]).await;
            let header = |name: &str| parts.headers[name].to_str().unwrap().to_owned();
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert!(header("content-security-policy").starts_with("default-src 'none'"));
            assert_eq!(parts.headers.contains_key("strict-transport-security"), hsts, "{path}");
        }
    }
}
