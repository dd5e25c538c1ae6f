//! The document is committed, and says what the router does.

use lmall_web::testing::{check_committed, check_routes};

use crate::support::router;

#[test]
fn the_committed_document_is_the_generated_one() {
    check_committed(&lmall_payment::openapi(), "payment");
}

#[tokio::test]
async fn every_documented_route_is_there() {
    check_routes(&lmall_payment::openapi(), &router()).await;
}
