//! Another password.

use axum::extract::State;
use http::StatusCode;
use lmall_web::{
    ApiJson, CustomerId as Caller, Problem,
    openapi::{BodyRefused, Fault},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::desk::{Desk, chosen, shown, unchanged};

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub(crate) struct Passwords {
    /// The one that opens the account now.
    #[schema(min_length = 1, max_length = 72)]
    current_password: String,
    /// The one that does from now on: 10 characters or more, and at most 72 bytes in UTF-8.
    #[schema(min_length = 10, max_length = 72)]
    new_password: String,
}

/// Change the password. Every session ends: log in again.
#[utoipa::path(
    post,
    path = "/v1/customers/me/password",
    operation_id = "change_password",
    tag = "me",
    security(("customer" = [])),
    request_body = Passwords,
    responses(
        (status = 204, description = "the password is the new one"),
        (status = 401, description = "`/problems/unauthenticated`: no customer; \
            `/problems/not-let-in`: another password"),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too many attempts"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn change(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiJson(body): ApiJson<Passwords>,
) -> Result<StatusCode, Problem> {
    let old = shown(body.current_password, "/current_password")?;
    let new = chosen(body.new_password, "/new_password")?;
    desk.customers.change_password(&id, &old, &new).await.map_err(unchanged)?;
    Ok(StatusCode::NO_CONTENT)
}
