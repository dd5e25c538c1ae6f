//! `POST /v1/orders/{id}/cancel`.

use axum::{Json, extract::State};
use http::StatusCode;
use lmall_app::order::CancelOutcome;
use lmall_domain::{OrderId, event::CancelReason, order::Rejection};
use lmall_web::{
    ApiPath, CustomerId, Problem, RequestContext,
    openapi::{CustomerRefused, Fault},
};

use super::{order::Order, own_order};
use crate::shop::Shop;

/// Cancel an order that is not paid.
///
/// Its stock is released in the background; what was paid meanwhile is given back. Canceling it
/// again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/orders/{id}/cancel",
    operation_id = "cancel_order",
    tag = "orders",
    security(("customer" = [])),
    params(("id" = String, Path, description = "the order's id", example = "7212345678901")),
    responses(
        (status = 202, description = "it is canceling, or canceled", body = Order),
        (status = 404, description = "`/problems/not-found`: unknown, or not yours"),
        (status = 409, description = "`/problems/not-cancelable`: it is paid"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn cancel(
    State(shop): State<Shop>,
    CustomerId(customer_id): CustomerId,
    ApiPath(id): ApiPath<OrderId>,
    context: RequestContext,
) -> Result<(StatusCode, Json<Order>), Problem> {
    own_order(&shop, &customer_id, id).await?;
    match shop.orders.cancel(id, CancelReason::Customer, &context.trace()).await? {
        CancelOutcome::Canceling(order) => Ok((StatusCode::ACCEPTED, Json(order.into()))),
        CancelOutcome::Refused(rejection) => Err(refused(rejection)),
        CancelOutcome::Unknown => Err(Problem::not_found()),
    }
}

fn refused(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::NotCancelable(_) | Rejection::NotDue => {
            Problem::new(StatusCode::CONFLICT, "not-cancelable", "The order cannot be canceled")
                .detail(rejection.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use lmall_domain::order::Status;

    use super::*;

    #[test]
    fn a_refusal_is_a_conflict_that_names_the_status() {
        for status in [Status::Paid, Status::Confirmed] {
            let body = refused(Rejection::NotCancelable(status)).body(None);
            assert_eq!((body.status, body.kind.as_str()), (409, "/problems/not-cancelable"));
            assert!(body.detail.unwrap().contains(status.name()));
        }
    }
}
