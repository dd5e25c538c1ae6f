//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, CustomerIdentity, OperatorIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::{categories, products, quotes, recommendations, reviews, search};

/// What this service says of itself; committed as `docs/openapi/product.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall products",
        description = "Products, what they cost and why, search, reviews and recommendations. \
            Money is whole minor units; times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    paths(
        products::read::list,
        products::read::get,
        products::put::put,
        products::pricing::get,
        products::pricing::put,
        categories::list,
        categories::put,
        quotes::quote,
        search::search,
        reviews::list,
        reviews::post,
        recommendations::list,
    ),
    tags((name = "catalogue", description = "What can be ordered, and at which price")),
    modifiers(&CustomerIdentity, &OperatorIdentity, &Conventions),
)]
struct Document;
