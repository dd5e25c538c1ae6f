//! `/v1/sessions`.

use axum::{
    Json, Router,
    extract::State,
    routing::{delete, post},
};
use http::StatusCode;
use lmall_app::customer::{Granted, LogIn, LogInError, RefreshError, RefreshToken};
use lmall_domain::{
    CustomerId, Timestamp,
    customer::{ClosedBy, token},
    id::SessionId,
};
use lmall_web::{
    ApiJson, ApiPath, CustomerId as Caller, Problem,
    openapi::{BodyRefused, CustomerRefused, Fault},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    caller::CallerAddress,
    desk::{Desk, email, not_let_in, shown, too_many, unchanged},
};

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/sessions", post(log_in).get(list).delete(log_out_everywhere))
        .route("/v1/sessions/refresh", post(refresh))
        .route("/v1/sessions/current", delete(log_out))
        .route("/v1/sessions/{id}", delete(end))
}

/// Who wants in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogIn)]
pub(crate) struct Credentials {
    /// The address of the account.
    #[schema(max_length = 254, example = "ann@example.org")]
    email: String,
    /// Its password.
    #[schema(min_length = 1, max_length = 72, example = "correct horse battery")]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refresh)]
pub(crate) struct Refresh {
    /// The token that came with the session last.
    #[schema(max_length = 256)]
    refresh_token: String,
}

/// A session, and what it is used with.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct Session {
    /// Who they are.
    #[schema(value_type = String, example = "cus_0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    customer_id: CustomerId,
    /// The session.
    #[schema(value_type = String, example = "ses_00112233445566778899aabbccddeeff")]
    session_id: SessionId,
    /// What is sent as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that the access token is good for.
    #[schema(example = 600)]
    expires_in: i64,
    /// What the next access token is got with, once.
    refresh_token: String,
    /// When the session ends unless it is used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A session, as it is listed.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedSession)]
pub(crate) struct Listed {
    /// Its id.
    #[schema(value_type = String, example = "ses_00112233445566778899aabbccddeeff")]
    id: SessionId,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was used last.
    #[schema(value_type = String, format = DateTime)]
    used_at: Timestamp,
    /// When it ends unless it is used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Sessions that go on.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub(crate) struct Sessions {
    items: Vec<Listed>,
}

impl From<Granted> for Session {
    fn from(granted: Granted) -> Self {
        Self {
            customer_id: granted.customer_id,
            session_id: granted.session_id,
            access_token: granted.access_token,
            token_type: "Bearer",
            expires_in: token::LIFE_SECS,
            refresh_token: granted.refresh_token,
            expires_at: granted.expires_at,
        }
    }
}

impl From<lmall_domain::customer::Session> for Listed {
    fn from(session: lmall_domain::customer::Session) -> Self {
        let expires_at = session.expires_at();
        let lmall_domain::customer::Session { id, created_at, used_at, .. } = session;
        Self { id, created_at, used_at, expires_at }
    }
}

/// Log in.
///
/// No account, another password and an address that was never proved have one answer.
#[utoipa::path(
    post,
    path = "/v1/sessions",
    operation_id = "log_in",
    tag = "sessions",
    request_body = Credentials,
    responses(
        (status = 201, description = "a session", body = Session),
        (status = 401, description = "`/problems/not-let-in`"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too often for this address, or \
            from there"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn log_in(
    State(desk): State<Desk>,
    CallerAddress(caller): CallerAddress,
    ApiJson(body): ApiJson<Credentials>,
) -> Result<(StatusCode, Json<Session>), Problem> {
    let email = email(&body.email, "/email")?;
    let password = shown(body.password, "/password")?;
    match desk.customers.log_in(LogIn { email, password, caller }).await {
        Ok(granted) => Ok((StatusCode::CREATED, Json(granted.into()))),
        Err(LogInError::Refused) => Err(not_let_in()),
        Err(LogInError::TooMany(wait)) => Err(too_many(wait)),
        Err(LogInError::Failed(failure)) => Err(failure.into()),
    }
}

/// Go on with a session.
///
/// The token is used up, and its successor is in the answer. When the answer is lost, the same
/// token may be sent again within 30 seconds. A token that comes again after its successor was
/// used ends the session: somebody has a copy.
#[utoipa::path(
    post,
    path = "/v1/sessions/refresh",
    operation_id = "refresh_session",
    tag = "sessions",
    request_body = Refresh,
    responses(
        (status = 200, description = "the session goes on", body = Session),
        (status = 401, description = "`/problems/not-let-in`: log in again"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: the same token may be sent again"),
        BodyRefused,
    ),
)]
pub(crate) async fn refresh(
    State(desk): State<Desk>,
    ApiJson(body): ApiJson<Refresh>,
) -> Result<Json<Session>, Problem> {
    let token = RefreshToken::parse(&body.refresh_token).ok_or_else(not_let_in)?;
    match desk.customers.refresh(&token).await {
        Ok(granted) => Ok(Json(granted.into())),
        Err(RefreshError::NotGood) => Err(not_let_in()),
        Err(RefreshError::Failed(failure)) => Err(failure.into()),
    }
}

/// Log out of the session of a refresh token. A token of no session is answered alike.
#[utoipa::path(
    delete,
    path = "/v1/sessions/current",
    operation_id = "log_out",
    tag = "sessions",
    request_body = Refresh,
    responses(
        (status = 204, description = "it has ended"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: it may not have ended"),
        BodyRefused,
    ),
)]
pub(crate) async fn log_out(
    State(desk): State<Desk>,
    ApiJson(body): ApiJson<Refresh>,
) -> Result<StatusCode, Problem> {
    if let Some(token) = RefreshToken::parse(&body.refresh_token) {
        desk.customers.log_out(&token).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// List the sessions that go on.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    operation_id = "list_sessions",
    tag = "sessions",
    security(("customer" = [])),
    responses(
        (status = 200, description = "the caller's sessions", body = Sessions),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(desk): State<Desk>,
    Caller(id): Caller,
) -> Result<Json<Sessions>, Problem> {
    let sessions = desk.customers.sessions(&id).await?.into_iter();
    let items = sessions.filter(|session| session.closed.is_none()).map(Listed::from).collect();
    Ok(Json(Sessions { items }))
}

/// Log out everywhere.
#[utoipa::path(
    delete,
    path = "/v1/sessions",
    operation_id = "log_out_everywhere",
    tag = "sessions",
    security(("customer" = [])),
    responses(
        (status = 204, description = "every session has ended"),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: some may not have ended"),
        CustomerRefused,
    ),
)]
pub(crate) async fn log_out_everywhere(
    State(desk): State<Desk>,
    Caller(id): Caller,
) -> Result<StatusCode, Problem> {
    desk.customers.log_out_everywhere(&id).await.map_err(unchanged)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out of one session. One that is not there is answered alike.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    operation_id = "end_session",
    tag = "sessions",
    security(("customer" = [])),
    params(("id" = String, Path, description = "the session's id")),
    responses(
        (status = 204, description = "it has ended"),
        (status = 404, description = "`/problems/not-found`: the path has no valid id"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: it may not have ended"),
        CustomerRefused,
    ),
)]
pub(crate) async fn end(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiPath(session): ApiPath<SessionId>,
) -> Result<StatusCode, Problem> {
    desk.customers.end(&id, &session, ClosedBy::LogOut).await?;
    Ok(StatusCode::NO_CONTENT)
}
