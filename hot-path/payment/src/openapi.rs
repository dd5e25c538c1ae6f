//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, CustomerIdentity, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::{payments, webhooks};

/// What this service says of itself; committed as `docs/openapi/payment.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall payments",
        description = "Webhooks of payment providers, and what they came to. Money is whole \
            minor units; times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    paths(webhooks::receive, payments::get),
    tags(
        (name = "webhooks", description = "What providers tell us"),
        (name = "payments", description = "The money of one order"),
    ),
    modifiers(&CustomerIdentity, &OperatorIdentity, &Conventions),
)]
struct Document;
