//! What is learned from the answers to orders.

use std::sync::Arc;

use axum::{Router, body::Body, routing::any};
use http::{Request, StatusCode, request::Builder};
use lmall_app::{shutdown, waiting::Load};
use lmall_domain::{
    Timestamp,
    waiting::{Outcome, Ticket, Window},
};
use lmall_gateway::waiting::observed;
use lmall_web::testing::call;

use crate::away::{Desk, Rooms, hall_with, keys};

fn ticket() -> Ticket {
    Ticket {
        sku: "tea".parse().expect("a SKU"),
        customer_id: "ann".parse().expect("a customer"),
        opened_at: Timestamp::from_millis(1),
        place: 7,
        quantity: 2,
        expires_at: Timestamp::from_millis(2),
    }
}

/// Sends a request to a service that answers so; what was counted, and what the rooms were told.
async fn told(
    status: u16,
    outcome: Option<Outcome>,
    request: Builder,
) -> (Window, Vec<(Ticket, Outcome)>) {
    let (_trigger, stop) = shutdown::channel();
    let (rooms, load) = (Arc::<Rooms>::default(), Arc::<Load>::default());
    let hall = hall_with(rooms.clone(), Desk { outcome }, load.clone(), stop);
    let status = StatusCode::from_u16(status).expect("a status");
    let service = Router::new().fallback(any(move || async move { status }));
    let answer = call(observed(service, &hall), request.body(Body::empty()).expect("valid")).await;
    assert_eq!(answer.status, status.as_u16(), "the answer passes");
    let settled = rooms.settled.lock().clone();
    (load.take(), settled)
}

#[tokio::test]
async fn answers_to_orders_are_counted_and_no_others() {
    let order = || Request::post("/v1/orders");
    for (status, request, requests, shed) in [
        (201, order(), 1, 0),
        (409, order(), 1, 0),
        (429, order(), 1, 0),
        (502, order(), 1, 1),
        (503, order(), 1, 1),
        (504, order(), 1, 1),
        (503, Request::get("/v1/orders"), 0, 0),
        (503, Request::post("/v1/orders/7/cancel"), 0, 0),
    ] {
        let shown = format!("{status} {request:?}");
        let (window, settled) = told(status, None, request).await;
        assert_eq!((window.requests, window.shed), (requests, shed), "{shown}");
        assert_eq!(settled, [], "{shown}");
    }
}

#[tokio::test]
async fn who_has_ordered_is_noted_when_the_order_service_says_so() {
    let used = Some(Outcome::Ordered { quantity: 1 });
    let token = keys().sign(&ticket()).expect("there are keys");
    let order = |token: &str| Request::post("/v1/orders").header("x-admission-token", token);
    let noted = vec![(ticket(), Outcome::Ordered { quantity: 1 })];
    for (status, outcome, request, expected) in [
        (201, used, order(&token), noted),
        // It took no admission: another product, say.
        (201, None, order(&token), vec![]),
        (409, used, order(&token), vec![]),
        (201, used, order("v1.a.b.c"), vec![]),
        (201, used, order(&"x".repeat(2_000)), vec![]),
    ] {
        let (_, settled) = told(status, outcome, request).await;
        assert_eq!(settled, expected, "{status} {outcome:?}");
    }
}
