//! `/v1/customers`: registration, and answers to mails.

use axum::{Router, extract::State, routing::post};
use http::StatusCode;
use lmall_app::customer::{ConfirmError, Register, RegisterError};
use lmall_domain::{
    customer::{Invalid, checked_name},
    event::MailPurpose,
};
use lmall_web::{ApiJson, Problem, RequestContext};
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
        (status = 400, description = "`/problems/malformed`: not JSON"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often from there"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`"),
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
        (status = 400, description = "`/problems/malformed`: not JSON"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often from there"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`"),
    ),
)]
pub(crate) async fn request_verification(
    State(desk): State<Desk>,
    CallerAddress(caller): CallerAddress,
    context: RequestContext,
    ApiJson(body): ApiJson<MailWish>,
) -> Result<StatusCode, Problem> {
    mail(&desk, &body, MailPurpose::VerifyEmail, caller.as_deref(), context).await
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
        (status = 400, description = "`/problems/malformed`: not JSON"),
        (status = 401, description = "`/problems/not-let-in`: the token is not good any more, or \
            the password is another one"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often for this account"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`"),
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
        (status = 400, description = "`/problems/malformed`: not JSON"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often from there"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`"),
    ),
)]
pub(crate) async fn request_reset(
    State(desk): State<Desk>,
    CallerAddress(caller): CallerAddress,
    context: RequestContext,
    ApiJson(body): ApiJson<MailWish>,
) -> Result<StatusCode, Problem> {
    mail(&desk, &body, MailPurpose::ResetPassword, caller.as_deref(), context).await
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
        (status = 400, description = "`/problems/malformed`: not JSON"),
        (status = 401, description = "`/problems/not-let-in`: the token is not good any more"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 415, description = "`/problems/unsupported-media-type`: not JSON"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`"),
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

async fn mail(
    desk: &Desk,
    body: &MailWish,
    purpose: MailPurpose,
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
        ConfirmError::TooMany(wait) => too_many(wait),
        ConfirmError::Failed(failure) => failure.into(),
    }
}
