//! Another e-mail address.

use axum::extract::State;
use http::StatusCode;
use lmall_web::{
    ApiJson, CustomerId as Caller, Problem, RequestContext,
    openapi::{BodyRefused, Fault},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::desk::{Desk, email, shown, unchanged};

/// The address that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmailChange)]
pub(crate) struct Wanted {
    /// Where mail is to go.
    #[schema(max_length = 254, example = "ann@example.net")]
    email: String,
    /// The account's password.
    #[schema(min_length = 1, max_length = 72)]
    password: String,
}

/// Ask for another e-mail address.
///
/// A mail goes to it, and what it brings is good for an hour; until it is shown, nothing changes.
/// An account without a password sets one first, with a reset.
#[utoipa::path(
    post,
    path = "/v1/customers/me/email",
    operation_id = "request_email_change",
    tag = "me",
    security(("customer" = [])),
    request_body = Wanted,
    responses(
        (status = 202, description = "a mail to the address is on its way"),
        (status = 401, description = "`/problems/unauthenticated`: no customer; \
            `/problems/not-let-in`: another password"),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 409, description = "`/problems/unchanged`: it is the address of the account"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too many attempts"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn request(
    State(desk): State<Desk>,
    Caller(id): Caller,
    context: RequestContext,
    ApiJson(body): ApiJson<Wanted>,
) -> Result<StatusCode, Problem> {
    let to = email(&body.email, "/email")?;
    let password = shown(body.password, "/password")?;
    let asked = desk.customers.request_email(&id, &password, &to, &context.trace()).await;
    asked.map_err(unchanged)?;
    Ok(StatusCode::ACCEPTED)
}
