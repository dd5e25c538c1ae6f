//! `PUT /v1/products/{sku}`.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use lmall_app::catalogue::{ChangeError, Changed};
use lmall_domain::{
    Sku,
    catalogue::{CategoryPath, Change, Invalid},
    limits::{DESCRIPTION_MAX, PRODUCT_CATEGORIES_MAX, PRODUCT_NAME_MAX, UNIT_PRICE_MAX},
};
use lmall_web::{
    ApiJson, ApiPath, Money, Operator, Problem, RequestContext,
    openapi::{BodyRefused, Fault, OperatorRefused},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{pricing, shown};
use crate::shop::Shop;

/// What the operator says of a product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutProduct)]
pub(crate) struct Description {
    /// What people call it: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Green tea")]
    name: String,
    /// For one unit: 1 to 10,000,000,000 minor units. It takes the place of the base price, and
    /// of every price that begins at some time, in its currency and that of the old base price.
    price: Money,
    /// What there is to say of it; as before when absent.
    #[serde(default)]
    #[schema(nullable = false, max_length = 4000)]
    description: Option<String>,
    /// Where it is found: categories that are there. As before when absent.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, nullable = false, max_items = 8)]
    categories: Option<Vec<CategoryPath>>,
}

// What the document says is what the domain says.
const _: () = assert!(PRODUCT_NAME_MAX == 200 && UNIT_PRICE_MAX == 10_000_000_000);
const _: () = assert!(DESCRIPTION_MAX == 4_000 && PRODUCT_CATEGORIES_MAX == 8);

/// Create or change a product.
///
/// Later orders use the new price; placed ones keep theirs.
#[utoipa::path(
    put,
    path = "/v1/products/{sku}",
    operation_id = "put_product",
    tag = "catalogue",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01")),
    request_body = Description,
    responses(
        (status = 200, description = "the product, changed", body = super::Product),
        (status = 201, description = "the product, new", body = super::Product,
            headers(("Location" = String, description = "the path of the product"))),
        (status = 202, description = "the product, changed or new: durable, but the order service \
            did not answer, and its next orders may have the old price. The same request may be \
            sent again", body = super::Product),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 422, description = "`/problems/validation` names each place"),
        BodyRefused, OperatorRefused, Fault,
    ),
)]
pub(crate) async fn put(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    context: RequestContext,
    ApiJson(body): ApiJson<Description>,
) -> Result<Response, Problem> {
    let Description { name, price, description, categories } = body;
    let named = categories.clone().unwrap_or_default();
    let change = Change::Put { name, price: price.into(), description, categories };
    let changed = shop.catalogue.change(&sku, &change, &context.trace()).await;
    shop.reading.forget(&sku).await;
    let changed = changed.map_err(|error| refused(error, &named))?;
    let location = [(header::LOCATION, format!("/v1/products/{sku}"))];
    let answer = Json(shown(&shop, &changed.product).await?);
    Ok(match status(&changed) {
        StatusCode::CREATED => (StatusCode::CREATED, location, answer).into_response(),
        other => (other, answer).into_response(),
    })
}

/// What a change is answered with.
pub(super) fn status(changed: &Changed) -> StatusCode {
    match (changed.is_ordered_by, changed.created) {
        (false, _) => StatusCode::ACCEPTED,
        (true, true) => StatusCode::CREATED,
        (true, false) => StatusCode::OK,
    }
}

/// The answer to a change that was not made.
pub(super) fn refused(error: ChangeError, categories: &[CategoryPath]) -> Problem {
    let invalid = match error {
        ChangeError::Invalid(invalid) => invalid,
        ChangeError::UnknownCategory(ref path) => {
            let index = categories.iter().position(|named| named == path).unwrap_or_default();
            return Problem::invalid().error(format!("/categories/{index}"), error.to_string());
        }
        ChangeError::Failed(failure) => return failure.into(),
    };
    let pointer = match &invalid {
        Invalid::Name => "/name".to_owned(),
        Invalid::Description => "/description".to_owned(),
        Invalid::Categories => "/categories".to_owned(),
        Invalid::Pricing(pricing) => pricing::pointer(pricing),
        Invalid::Unknown => return Problem::not_found(),
    };
    Problem::invalid().error(pointer, invalid.to_string())
}
