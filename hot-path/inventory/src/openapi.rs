//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::stock;

/// What this service says of itself; committed as `docs/openapi/inventory.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall inventory",
        description = "The stock ledger. Errors are RFC 9457 problems."
    ),
    paths(stock::level::get, stock::change::receive, stock::change::adjust),
    tags((name = "inventory", description = "What is there, what came in, what was written off")),
    modifiers(&OperatorIdentity, &Conventions),
)]
struct Document;
