//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::{batch, public};

/// What this service says of itself; committed as `docs/openapi/id-generator.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall id generator",
        description = "Ids in batches, and what ids are called in public. For other services and \
            operators: the gateway has no route to it. Errors are RFC 9457 problems."
    ),
    paths(batch::draw, public::encode, public::decode),
    tags((name = "ids", description = "Ids, and what they are called in public")),
    modifiers(&OperatorIdentity, &Conventions),
)]
struct Document;
