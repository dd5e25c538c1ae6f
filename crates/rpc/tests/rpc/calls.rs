//! Availability: answers, refusals, deadlines and metadata.

use std::time::{Duration, Instant};

use axum::body::Body;
use hyper_util::{client::legacy, rt::TokioExecutor};
use lmall_app::failure::Failure;
use lmall_rpc::{
    Connection, InventoryClient, SKUS_MAX,
    pb::inventory::{
        Availability, BatchGetAvailabilityRequest, BatchGetAvailabilityResponse,
        GetAvailabilityRequest,
    },
};
use prost::Message;
use tonic::{Code, Request, metadata::MetadataValue};

use crate::support::{Server, Shelf, TEA, sku, within};

fn get(sku: &str) -> GetAvailabilityRequest {
    GetAvailabilityRequest { sku: sku.to_owned() }
}

fn batch<'text>(skus: impl IntoIterator<Item = &'text str>) -> BatchGetAvailabilityRequest {
    BatchGetAvailabilityRequest { skus: skus.into_iter().map(str::to_owned).collect() }
}

fn tea(sku: &str) -> Availability {
    Availability { sku: sku.to_owned(), available: 40, reserved: 2, sold: 8 }
}

#[tokio::test]
async fn what_goes_wrong_has_its_status_and_tells_no_secret() {
    let server = Server::start().await;
    let mut client = server.inventory().await;
    let rows = [
        ("tea", Code::Ok),
        ("unknown", Code::NotFound),
        ("", Code::InvalidArgument),
        ("a b", Code::InvalidArgument),
        ("away", Code::Unavailable),
        ("broken", Code::Internal),
        ("panics", Code::Internal),
    ];
    for (sku, code) in rows {
        let answered = client.get_availability(get(sku)).await;
        let status = answered.as_ref().err();
        assert_eq!(status.map_or(Code::Ok, tonic::Status::code), code, "{sku}: {status:?}");
        let headers = status.map_or_else(
            || answered.as_ref().expect("an answer").metadata().clone(),
            |status| status.metadata().clone(),
        );
        assert!(headers.contains_key("x-request-id"), "{sku}: {headers:?}");
        assert!(!format!("{status:?}").contains("secret"), "{status:?}");
    }
    let metrics = server.metrics.render();
    let counted = r#"lmall_grpc_calls_total{service="lmall.inventory.v1.Inventory",code="OK"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_its_limit() {
    let server = Server::start().await;
    let mut client = server.inventory().await;
    let answered = client.batch_get_availability(batch(["b", "unknown", "a"])).await;
    let expected = BatchGetAvailabilityResponse {
        availabilities: vec![tea("b"), tea("a")],
        unknown_skus: vec!["unknown".to_owned()],
    };
    assert_eq!(answered.expect("an answer").into_inner(), expected);
    let many: Vec<String> = (0..=SKUS_MAX).map(|number| format!("sku-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let all = client.batch_get_availability(batch(many[1..].to_vec())).await;
    assert_eq!(all.expect("an answer").into_inner().availabilities.len(), SKUS_MAX);
    for refused in [vec![], many.clone(), vec!["a", "a"], vec!["a", "ü"]] {
        let status = client.batch_get_availability(batch(refused)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(!status.details().is_empty(), "{status:?}");
    }
    // One that cannot be read is a failure of all.
    let status = client.batch_get_availability(batch(["a", "away"])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let flood = "x".repeat(70_000);
    let status = client.batch_get_availability(batch([&*flood])).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
}

#[tokio::test]
async fn a_deadline_bounds_the_handler() {
    let server = Server::start().await;
    let started = Instant::now();
    let rows = [
        ("slow", Some("50m"), "4"),
        ("tea", Some("0m"), "4"),
        ("tea", Some("soon"), "3"),
        ("unknown", Some("1M"), "5"),
        ("unknown", None, "5"),
    ];
    for (sku, timeout, code) in rows {
        assert_eq!(raw(&server, sku, timeout).await, code, "{sku} {timeout:?}");
    }
    assert!(started.elapsed() >= Duration::from_millis(50));
}

/// The `grpc-status` of an answer that is a refusal, to a client that, other than tonic's, does
/// not watch the clock itself.
async fn raw(server: &Server, sku: &str, timeout: Option<&str>) -> String {
    let message = get(sku).encode_to_vec();
    let length = u8::try_from(message.len()).expect("a short one");
    let frame = [&[0, 0, 0, 0, length], &*message].concat();
    let uri = format!("{}/lmall.inventory.v1.Inventory/GetAvailability", server.address);
    let mut request = http::Request::post(uri).header("content-type", "application/grpc");
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    let client: legacy::Client<_, Body> =
        legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = request.body(Body::from(frame)).expect("a request");
    let answer = client.request(request).await.expect("an answer");
    let status = answer.headers().get("grpc-status").expect("a refusal");
    status.to_str().expect("a number").to_owned()
}

#[tokio::test]
async fn what_a_call_is_part_of_travels_with_it() {
    let warehouse = Server::start().await;
    let client = InventoryClient::new(warehouse.connection());
    let server = Server::on(|services| services.inventory(Shelf { warehouse: Some(client) })).await;
    let mut client = server.inventory().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut request = Request::new(get("call"));
    request.set_timeout(Duration::from_secs(9));
    for (name, value) in [("x-request-id", "abc"), ("traceparent", trace), ("x-customer-id", "ann")]
    {
        request.metadata_mut().insert(name, MetadataValue::from_static(value));
    }
    let answer = client.get_availability(request).await.expect("an answer");
    for (name, value) in [("x-request-id", "abc"), ("traceparent", trace), ("x-customer-id", "ann")]
    {
        assert_eq!(answer.metadata().get(name).expect(name), value);
    }
    // The one behind it had less time, more than the default, and knows whom it is for.
    let seen = answer.into_inner().availability.expect("a level");
    assert!((4_000..9_000).contains(&seen.available), "{seen:?}");
    assert_eq!(seen.reserved, 3);

    let mut twice = Request::new(get("tea"));
    twice.metadata_mut().append("x-customer-id", MetadataValue::from_static("ann"));
    twice.metadata_mut().append("x-customer-id", MetadataValue::from_static("bob"));
    let status = client.get_availability(twice).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_client_gives_what_the_ledger_says_and_never_waits_too_long() {
    let server = Server::start().await;
    let client = InventoryClient::new(server.connection());
    let call = within(Duration::from_secs(5));
    assert_eq!(client.level(&call, &sku("tea")).await.expect("an answer"), Some(TEA));
    assert_eq!(client.level(&call, &sku("unknown")).await.expect("an answer"), None);
    let levels = client.levels(&call, &["tea", "unknown", "oil"].map(sku)).await;
    assert_eq!(levels.expect("an answer"), [(sku("tea"), TEA), (sku("oil"), TEA)]);
    for refused in ["away", "broken"] {
        let failure = client.level(&call, &sku(refused)).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
    }
    let soon = within(Duration::from_millis(50));
    assert!(client.level(&soon, &sku("slow")).await.is_err());
    let nobody: Connection = "http://127.0.0.1:9".parse().expect("an address");
    assert!(InventoryClient::new(nobody).level(&call, &sku("tea")).await.is_err());
}

#[tokio::test]
async fn an_address_is_plain_http_and_nothing_more() {
    for bad in ["", "localhost:80", "https://x", "http://x/y", "http://x?y"] {
        assert!(bad.parse::<Connection>().is_err(), "{bad}");
    }
}
