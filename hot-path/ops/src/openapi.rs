//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::{audit, dead_letters, summary};

/// What this service says of itself; committed as `docs/openapi/ops.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall operations",
        description = "For operators. Times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    paths(summary::get, dead_letters::list, dead_letters::replay, audit::run),
    tags((name = "operations", description = "How the shop is, and what operators do about it")),
    modifiers(&OperatorIdentity, &Conventions),
)]
struct Document;
