//! The document is committed, and says what the router does.

use lmall_web::testing::{check_committed, check_routes};

use crate::support::router;

#[test]
fn the_committed_document_is_the_generated_one() {
    check_committed(&lmall_product_api::openapi(), "product");
}

#[tokio::test]
async fn every_documented_route_is_there() {
    check_routes(&lmall_product_api::openapi(), &router()).await;
}
