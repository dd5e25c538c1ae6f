//! The OpenAPI document of the waiting rooms.

use lmall_web::openapi::{Conventions, CustomerIdentity, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use super::{events, operator, place};

/// What the waiting rooms say of themselves; committed as `docs/openapi/waiting.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall waiting rooms",
        description = "Flash sales: a line in front of ordering, switched on for one product. \
            Times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    paths(
        operator::open,
        operator::summary,
        operator::close,
        place::join,
        place::look,
        place::leave,
        events::events,
    ),
    tags((name = "waiting rooms", description = "The line in front of a product in a flash sale")),
    modifiers(&CustomerIdentity, &OperatorIdentity, &Conventions),
)]
struct Document;
