//! Taking everything along, and being forgotten.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use lmall_app::customer::EraseOutcome;
use lmall_domain::Timestamp;
use lmall_web::{CustomerId as Caller, Problem, RequestContext, openapi::CustomerRefused};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    account::{Account, Activity},
    addresses::Named,
    preferences::Preferences,
};
use crate::{
    desk::{Desk, unchanged},
    sessions::Listed,
};

/// What the file is called where a browser stores it.
const FILE: &str = "attachment; filename=\"lmall-export.json\"";

/// Everything that is kept of a customer.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
pub(crate) struct Export {
    /// When it was collected.
    #[schema(value_type = String, format = DateTime)]
    exported_at: Timestamp,
    /// The account.
    account: Account,
    /// Its postal addresses.
    addresses: Vec<Named>,
    /// What they would rather have.
    preferences: Preferences,
    /// What happened to the account, newest first.
    activities: Vec<Activity>,
    /// The sessions that have not lapsed.
    sessions: Vec<Listed>,
    /// The orders, newest first, as `GET /v1/orders` shows them.
    #[schema(value_type = Vec<Object>)]
    orders: Vec<Value>,
}

/// Take everything along that is kept of the caller, in one document.
#[utoipa::path(
    get,
    path = "/v1/customers/me/export",
    operation_id = "export_account",
    tag = "me",
    security(("customer" = [])),
    responses(
        (status = 200, description = "everything", body = Export),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: a part of it cannot be read"),
        CustomerRefused,
    ),
)]
pub(crate) async fn export(
    State(desk): State<Desk>,
    Caller(id): Caller,
) -> Result<Response, Problem> {
    let kept = desk.customers.export(&id).await.map_err(unchanged)?;
    let export = Export {
        exported_at: desk.customers.clock.now(),
        addresses: kept.account.person.addresses.clone().into_iter().map(Named::from).collect(),
        preferences: kept.account.person.preferences.clone().into(),
        account: kept.account.into(),
        activities: kept.activities.into_iter().map(Activity::from).collect(),
        sessions: kept.sessions.into_iter().map(Listed::from).collect(),
        orders: kept.orders,
    };
    Ok(([(header::CONTENT_DISPOSITION, FILE)], Json(export)).into_response())
}

/// Be forgotten.
///
/// Nothing personal is left; the address is free again. Orders stay, with an id that is nobody's
/// any more. While an order is open it is refused: somebody has to be told what becomes of it.
/// Repeated, it goes on where it was.
#[utoipa::path(
    delete,
    path = "/v1/customers/me",
    operation_id = "erase_account",
    tag = "me",
    security(("customer" = [])),
    responses(
        (status = 204, description = "nothing personal is left, now or since before"),
        (status = 404, description = "`/problems/not-found`: there never was an account"),
        (status = 409, description = "`/problems/open-orders`: orders have to end first"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: it may not be done yet"),
        CustomerRefused,
    ),
)]
pub(crate) async fn erase(
    State(desk): State<Desk>,
    Caller(id): Caller,
    context: RequestContext,
) -> Result<StatusCode, Problem> {
    match desk.customers.erase(&id, &context.trace()).await.map_err(unchanged)? {
        EraseOutcome::Erased => Ok(StatusCode::NO_CONTENT),
        EraseOutcome::OpenOrders(open) => {
            let title = "The account has open orders";
            Err(Problem::new(StatusCode::CONFLICT, "open-orders", title)
                .detail(format!("{open} orders have to be confirmed or canceled first")))
        }
    }
}
