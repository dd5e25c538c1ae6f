//! `/v1/customers`: registration, and answers to mails.

use axum::{Router, extract::State, routing::post};
use http::StatusCode;
use lmall_app::customer::{ConfirmError, Register, RegisterError};
use lmall_domain::customer::{Invalid, MailKind, checked_name};
use lmall_web::{
    ApiJson, Problem, RequestContext,
    openapi::{BodyRefused, Fault},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    caller::CallerAddress,
    desk::{Desk, chosen, email, not_let_in, shown, too_many},
};

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/customers", post(register))
        .route("/v1/customers/verification", post(request_verification))
        .route("/v1/customers/verification/confirm", post(verify))
        .route("/v1/customers/password-reset", post(request_reset))
        .route("/v1/customers/password-reset/confirm", post(reset))
        .route("/v1/customers/email-change/confirm", post(change_email))
}

/// Somebody who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Registration)]
pub(crate) struct Registration {
    /// Where mail reaches them; upper and lower case are the same.
    #[schema(max_length = 254, example = "ann@example.org")]
    email: String,
    /// 10 characters or more, and at most 72 bytes in UTF-8.
    #[schema(min_length = 10, max_length = 72, example = "correct horse battery")]
    password: String,
    /// What they are called.
    #[schema(min_length = 1, max_length = 200, nullable = false, example = "Ann Lee")]
    name: Option<String>,
}

/// An address that a mail is wanted to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailWish)]
pub(crate) struct MailWish {
    /// Where to.
    #[schema(max_length = 254, example = "ann@example.org")]
    email: String,
}

/// What a mail brought, and a password: of the registration, or a new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailAnswer)]
pub(crate) struct MailAnswer {
    /// The token from the mail.
    #[schema(max_length = 512)]
    token: String,
    /// The password.
    #[schema(min_length = 1, max_length = 72, example = "correct horse battery")]
    password: String,
}

/// Register.
///
/// A mail follows, and what it brings proves the address: nobody is let in before. The answer is
/// the same when there is an account under the address; then the mail says so.
#[utoipa::path(
    post,
    path = "/v1/customers",
    operation_id = "register",
    tag = "accounts",
    request_body = Registration,
    responses(
        (status = 202, description = "a mail is on its way"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often from there"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn register(
    State(desk): State<Desk>,
    CallerAddress(caller): CallerAddress,
    context: RequestContext,
    ApiJson(body): ApiJson<Registration>,
) -> Result<StatusCode, Problem> {
    let invalid = |error: Invalid| Problem::invalid().error("/name", error.to_string());
    let wish = Register {
        email: email(&body.email, "/email")?,
        password: chosen(body.password, "/password")?,
        name: body.name.map(checked_name).transpose().map_err(invalid)?,
        caller,
        trace: context.trace(),
    };
    match desk.customers.register(wish).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(RegisterError::TooMany(wait)) => Err(too_many(wait)),
        Err(RegisterError::Failed(failure)) => Err(failure.into()),
    }
}

/// Ask for the mail that proves the address once more.
///
/// The answer is the same whether there is an account that needs one or not.
#[utoipa::path(
    post,
    path = "/v1/customers/verification",
    operation_id = "request_verification",
    tag = "accounts",
    request_body = MailWish,
    responses(
        (status = 202, description = "if there is use for a mail, it is on its way"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often from there"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn request_verification(
    State(desk): State<Desk>,
    CallerAddress(caller): CallerAddress,
    context: RequestContext,
    ApiJson(body): ApiJson<MailWish>,
) -> Result<StatusCode, Problem> {
    mail(&desk, &body, MailKind::VerifyEmail, caller.as_deref(), context).await
}

/// Prove the address: with the token from the mail and the password of the registration.
#[utoipa::path(
    post,
    path = "/v1/customers/verification/confirm",
    operation_id = "verify_email",
    tag = "accounts",
    request_body = MailAnswer,
    responses(
        (status = 204, description = "the address is proved: they may log in"),
        (status = 401, description = "`/problems/not-let-in`: the token is not good any more, or \
            the password is another one"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often for this account"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn verify(
    State(desk): State<Desk>,
    ApiJson(body): ApiJson<MailAnswer>,
) -> Result<StatusCode, Problem> {
    let password = shown(body.password, "/password")?;
    desk.customers.verify_email(&body.token, &password).await.map_err(unconfirmed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a mail to set a new password.
///
/// The answer is the same whether there is an account or not.
#[utoipa::path(
    post,
    path = "/v1/customers/password-reset",
    operation_id = "request_password_reset",
    tag = "accounts",
    request_body = MailWish,
    responses(
        (status = 202, description = "if there is an account, a mail is on its way"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often from there"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn request_reset(
    State(desk): State<Desk>,
    CallerAddress(caller): CallerAddress,
    context: RequestContext,
    ApiJson(body): ApiJson<MailWish>,
) -> Result<StatusCode, Problem> {
    mail(&desk, &body, MailKind::ResetPassword, caller.as_deref(), context).await
}

/// Set a new password, with the token from the mail. Every session ends.
#[utoipa::path(
    post,
    path = "/v1/customers/password-reset/confirm",
    operation_id = "reset_password",
    tag = "accounts",
    request_body = MailAnswer,
    responses(
        (status = 204, description = "the password is the new one, and the address is proved"),
        (status = 401, description = "`/problems/not-let-in`: the token is not good any more"),
        (status = 422, description = "`/problems/validation` names each place"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn reset(
    State(desk): State<Desk>,
    ApiJson(body): ApiJson<MailAnswer>,
) -> Result<StatusCode, Problem> {
    let password = chosen(body.password, "/password")?;
    desk.customers.reset_password(&body.token, &password).await.map_err(unconfirmed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take another address: with the token from the mail to it, and the account's password.
///
/// Mail goes there from now on, and logging in takes it; the address before is told, and is free.
#[utoipa::path(
    post,
    path = "/v1/customers/email-change/confirm",
    operation_id = "change_email",
    tag = "accounts",
    request_body = MailAnswer,
    responses(
        (status = 204, description = "the address is the new one"),
        (status = 401, description = "`/problems/not-let-in`: the token is not good any more, or \
            the password is another one"),
        (status = 409, description = "`/problems/email-taken`: another account has the address"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often for this account"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn change_email(
    State(desk): State<Desk>,
    context: RequestContext,
    ApiJson(body): ApiJson<MailAnswer>,
) -> Result<StatusCode, Problem> {
    let password = shown(body.password, "/password")?;
    let changed = desk.customers.change_email(&body.token, &password, &context.trace()).await;
    changed.map_err(unconfirmed)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn mail(
    desk: &Desk,
    body: &MailWish,
    purpose: MailKind,
    caller: Option<&str>,
    context: RequestContext,
) -> Result<StatusCode, Problem> {
    let email = email(&body.email, "/email")?;
    let asked = desk.customers.request_mail(&email, purpose, caller, &context.trace()).await;
    asked.map_err(unconfirmed)?;
    Ok(StatusCode::ACCEPTED)
}

fn unconfirmed(error: ConfirmError) -> Problem {
    match error {
        ConfirmError::NotGood => not_let_in(),
        ConfirmError::Taken => Problem::new(
            StatusCode::CONFLICT,
            "email-taken",
            "Another account has the address; the two can be merged",
        ),
        ConfirmError::TooMany(wait) => too_many(wait),
        ConfirmError::Failed(failure) => failure.into(),
    }
}
