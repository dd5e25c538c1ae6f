//! The document is committed, and says what the router does.

use lmall_web::testing::{check_committed, check_routes};

use crate::support::router;

#[test]
fn the_committed_document_is_the_generated_one() {
    check_committed(&lmall_user_api::openapi(), "user");
}

#[tokio::test]
async fn every_documented_route_is_there() {
    // A path's `{name}` is asked for as `name`: a provider is called so here.
    check_routes(&lmall_user_api::openapi(), &router()).await;
}
