//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, CustomerIdentity, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::orders;

/// What this service says of itself; committed as `docs/openapi/order.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall orders",
        description = "Orders. Money is whole minor units; times are RFC 3339 in UTC; errors are \
            RFC 9457 problems."
    ),
    paths(
        orders::place::place,
        orders::read::list,
        orders::read::get,
        orders::cancel::cancel,
        orders::trail::events,
    ),
    tags((name = "orders", description = "Orders of the customer who calls")),
    modifiers(&CustomerIdentity, &OperatorIdentity, &Conventions),
)]
struct Document;
