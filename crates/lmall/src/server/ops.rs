//! Routes for operators, and the document of all routes.
//!
//! To add a route: write its handler in the file of its group, with its `#[utoipa::path]`, add
//! it to [`router`] and to the `paths` of the document, and run the test
//! `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod audit;
mod dead_letters;
mod summary;

use axum::{
    Router,
    routing::{get, post},
};
use lmall_web::{
    Guarded, OperatorToken,
    openapi::{self, Conventions, OperatorIdentity},
};
use utoipa::{OpenApi as _, openapi::OpenApi};

use super::wiring::Shop;

/// The state of the router.
type Ops = Guarded<Shop>;

/// The operator routes.
pub(super) fn router(shop: Shop, token: OperatorToken) -> Router {
    Router::new()
        .route("/v1/ops/summary", get(summary::get))
        .route("/v1/ops/dead-letters", get(dead_letters::list))
        .route("/v1/ops/dead-letters/replay", post(dead_letters::replay))
        .route("/v1/ops/audit", post(audit::run))
        .with_state(Ops::new(shop, token))
}

/// The whole API of the process; committed as `docs/openapi/lmall.json`.
pub(super) fn openapi() -> OpenApi {
    let mut document = Document::openapi();
    for part in [
        lmall_order::openapi(),
        lmall_inventory::openapi(),
        lmall_payment::openapi(),
        openapi::service(),
    ] {
        document.merge(part);
    }
    document
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall",
        description = "Orders, stock and payments: every service in one process. Money is whole \
            minor units; times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    paths(summary::get, dead_letters::list, dead_letters::replay, audit::run),
    tags((name = "operations", description = "How the shop is, and what operators do about it")),
    modifiers(&OperatorIdentity, &Conventions),
)]
struct Document;

#[cfg(test)]
mod tests {
    use lmall_web::testing::check_committed;

    #[test]
    fn the_committed_document_is_the_generated_one() {
        check_committed(&super::openapi(), "lmall");
    }
}
