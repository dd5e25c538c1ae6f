//! `GET /v1/payments/{order_id}`.

mod payment;

use axum::{Json, Router, extract::State, routing::get as on_get};
use lmall_domain::OrderId;
use lmall_web::{ApiPath, Caller, Problem, openapi::Fault};

use self::payment::Payment;
use crate::till::Till;

/// The routes of this group.
pub(crate) fn routes() -> Router<Till> {
    Router::new().route("/v1/payments/{order_id}", on_get(get))
}

/// Read the payment of an order.
///
/// Only the customer who placed the order, or an operator, sees it.
#[utoipa::path(
    get,
    path = "/v1/payments/{order_id}",
    operation_id = "get_payment",
    tag = "payments",
    security(("customer" = []), ("operator" = [])),
    params(("order_id" = String, Path, description = "the order's id", example = "7212345678901")),
    responses(
        (status = 200, description = "its payment; zeros before any money came", body = Payment),
        (status = 401, description = "`/problems/unauthenticated`: no customer, no operator token"),
        (status = 403, description = "`/problems/forbidden`: another operator token"),
        (status = 404, description = "`/problems/not-found`: unknown, or not yours"),
        Fault,
    ),
)]
pub(crate) async fn get(
    State(till): State<Till>,
    caller: Caller,
    ApiPath(order_id): ApiPath<OrderId>,
) -> Result<Json<Payment>, Problem> {
    let order = till.owners.owner(order_id).await?;
    let (owner, total) = order.unzip();
    if !caller.may_see(owner.as_ref()) {
        return Err(Problem::not_found());
    }
    let row = till.payments.load(order_id).await?;
    let row = row.map(|row| row.value);
    Payment::of(order_id, row, total).map(Json).ok_or_else(Problem::not_found)
}
