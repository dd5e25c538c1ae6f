//! Health, and how a server ends.

use lmall_rpc::pb::inventory::GetAvailabilityRequest;
use tonic::{Code, Streaming, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use crate::support::Server;

const INVENTORY: &str = "lmall.inventory.v1.Inventory";

async fn watch(server: &Server, service: &str) -> Streaming<HealthCheckResponse> {
    let mut client = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest { service: service.to_owned() };
    client.watch(request).await.expect("a known service").into_inner()
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = client.check(request).await.map_err(|status| status.code())?;
    Ok(answer.into_inner().status())
}

/// Reads until it says so.
async fn until(stream: &mut Streaming<HealthCheckResponse>, wanted: ServingStatus) {
    while stream.message().await.expect("a status").expect("no end").status() != wanted {}
}

#[tokio::test]
async fn health_follows_readiness() {
    let server = Server::start().await;
    let mut client = HealthClient::new(server.channel().await);
    for known in ["", INVENTORY, "lmall.product.v1.Quotes"] {
        until(&mut watch(&server, known).await, ServingStatus::Serving).await;
        assert_eq!(check(&mut client, known).await, Ok(ServingStatus::Serving), "{known}");
    }
    assert_eq!(check(&mut client, "lmall.order.v1.Orders").await, Err(Code::NotFound));
    let mut watched = watch(&server, INVENTORY).await;
    server.set_ready(false);
    until(&mut watched, ServingStatus::NotServing).await;
    server.set_ready(true);
    until(&mut watched, ServingStatus::Serving).await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_answers_what_it_began() {
    let server = Server::start().await;
    let mut watched = watch(&server, INVENTORY).await;
    until(&mut watched, ServingStatus::Serving).await;
    let mut client = server.inventory().await;
    let mut held = client.clone();
    let slow = tokio::spawn(async move {
        let mut request = tonic::Request::new(GetAvailabilityRequest { sku: "slow".to_owned() });
        request.set_timeout(std::time::Duration::from_millis(300));
        held.get_availability(request).await
    });
    // It was heard: the next call on the same connection is answered.
    let tea = GetAvailabilityRequest { sku: "tea".to_owned() };
    client.get_availability(tea.clone()).await.expect("an answer");
    server.stop();
    until(&mut watched, ServingStatus::NotServing).await;
    assert_eq!(watched.message().await.expect("an end"), None, "whoever watches is let go");
    let status = slow.await.expect("no panic").unwrap_err();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&status.code()), "{status:?}");
    server.ended().await;
    let status = client.get_availability(tea).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}
