//! The document of all routes.

use lmall_web::openapi::{self, Conventions};
use utoipa::{OpenApi as _, openapi::OpenApi};

/// The whole API; committed as `docs/openapi/lmall.json`, which the gateway shows, too.
pub(super) fn whole() -> OpenApi {
    let mut document = Document::openapi();
    for part in [
        lmall_ops::openapi(),
        lmall_order::openapi(),
        lmall_inventory::openapi(),
        lmall_payment::openapi(),
        lmall_product_api::openapi(),
        lmall_gateway::waiting::openapi(),
        lmall_id_generator::openapi(),
        lmall_user_api::openapi(),
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
        description = "Products, orders, stock and payments: every service on one address. Money is whole \
            minor units; times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    modifiers(&Conventions),
)]
struct Document;

#[cfg(test)]
mod tests {
    use lmall_web::testing::check_committed;

    #[test]
    fn the_committed_document_is_the_generated_one() {
        check_committed(&super::whole(), "lmall");
    }
}
