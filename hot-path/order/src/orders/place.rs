//! `POST /v1/orders`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderName, StatusCode, header};
use lmall_app::{
    failure::chain,
    order::{Idempotency, NotAdmitted, Place, PlaceError},
    row::Versioned,
};
use lmall_domain::order;
use lmall_web::{
    AdmissionToken, ApiJson, CustomerId, IdempotencyKey, PreferWait, Problem, ProblemBody,
    RequestContext, openapi::CustomerRefused,
};

use super::{order::Order, request::PlaceOrder, wait::preference_applied};
use crate::shop::Shop;

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Place an order.
///
/// Prices come from the catalogue and are frozen in the order. Once this has answered 201, the
/// order is durable and will reach CONFIRMED or CANCELED.
#[utoipa::path(
    post,
    path = "/v1/orders",
    operation_id = "place_order",
    tag = "orders",
    security(("customer" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, nullable = false,
            min_length = 1, max_length = 255,
            description = "The same key with the same body gets the first answer again; kept \
                for 7 days, scoped to the customer. Visible ASCII characters."),
        ("Prefer" = Option<String>, Header, nullable = false, example = "wait=2",
            description = "`wait=N`: answer once stock is held or refused, or after N seconds, \
                at most 10. Not for a repeated answer."),
        ("X-Admission-Token" = Option<String>, Header, nullable = false, max_length = 1024,
            description = "For a product in a flash sale: the token from its waiting room. It is \
                good for one order, and is not used up by one that takes none."),
    ),
    request_body = PlaceOrder,
    responses(
        (status = 201, description = "the order, or the first answer again", body = Order, headers(
            ("Location" = String, description = "the path of the order"),
            ("Idempotent-Replayed" = bool, description = "`true` on a repeated answer only"),
            ("Preference-Applied" = String, description = "`wait=N`, if it was honored"),
        )),
        (status = 400, description = "`/problems/malformed`, `/problems/invalid-idempotency-key`"),
        (status = 403, description = "`/problems/not-admitted`: a product is in a flash sale, and \
            there is no token that is good for this order"),
        (status = 409, description = "`/problems/admission-used`: the token was used for another \
            order"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json",
            description = "`/problems/validation` names each place; \
                `/problems/idempotency-key-reused`: the key was used with another body",
            example = json!({
                "type": "/problems/validation", "title": "The request is not valid", "status": 422,
                "instance": "/v1/orders",
                "errors": [{ "pointer": "/lines/0/sku", "detail": "no product has the SKU `te`" }],
            })),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: the same key may be sent again"),
        CustomerRefused,
    ),
)]
pub(crate) async fn place(
    State(shop): State<Shop>,
    CustomerId(customer_id): CustomerId,
    IdempotencyKey(key): IdempotencyKey,
    PreferWait(wait): PreferWait,
    AdmissionToken(token): AdmissionToken,
    context: RequestContext,
    ApiJson(body): ApiJson<PlaceOrder>,
) -> Result<Response, Problem> {
    let lines = body.lines()?;
    let idempotency = key.map(|key| Idempotency { key });
    let (currency, trace) = (body.currency(), context.trace());
    let wish = Place { customer_id, lines, currency, idempotency, trace };
    let placed = shop.orders.place_admitted(wish, token.as_deref()).await;
    let placed = placed.map_err(|error| refused(error, &body))?;

    let wait = wait.filter(|_| !placed.replayed);
    let order = match wait {
        Some(limit) => with_stock(&shop, placed.order, limit).await,
        None => placed.order,
    };
    let location = [(header::LOCATION, format!("/v1/orders/{}", order.value.id))];
    let replayed = placed.replayed.then_some([(IDEMPOTENT_REPLAYED, "true")]);
    let applied = preference_applied(wait);
    let answer = Json(Order::from(order));
    Ok((StatusCode::CREATED, location, replayed, applied, answer).into_response())
}

/// The order once its stock is answered. That it exists is answered in any case: a customer who
/// reads of a failure would order again.
async fn with_stock(
    shop: &Shop,
    order: Versioned<order::Order>,
    limit: Duration,
) -> Versioned<order::Order> {
    match shop.orders.wait_for_stock(order.clone(), limit).await {
        Ok(order) => order,
        Err(failure) => {
            let error = chain(&failure);
            tracing::warn!(order.id = %order.value.id, error, "the wait for stock broke off");
            order
        }
    }
}

/// The answer to a wish that did not become an order.
fn refused(error: PlaceError, body: &PlaceOrder) -> Problem {
    match error {
        PlaceError::Rejected(rejection) => body.refusal(&rejection),
        PlaceError::NotAdmitted(NotAdmitted::Used) => Problem::new(
            StatusCode::CONFLICT,
            "admission-used",
            "The admission was used for another order",
        ),
        PlaceError::NotAdmitted(
            reason @ (NotAdmitted::NoToken(_)
            | NotAdmitted::Foreign
            | NotAdmitted::Expired
            | NotAdmitted::Quantity(_)
            | NotAdmitted::Several),
        ) => Problem::not_admitted().detail(reason.to_string()),
        PlaceError::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The idempotency key was used with another body",
        ),
        PlaceError::Failed(failure) => failure.into(),
    }
}
