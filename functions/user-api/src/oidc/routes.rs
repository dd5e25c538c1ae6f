//! `/v1/sessions/providers`.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lmall_app::customer::FederatedError;
use lmall_web::{ApiPath, ApiQuery, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{cookie::Flow, provider::Refused};
use crate::{
    desk::{Desk, not_let_in},
    sessions::Session,
};

/// Characters of the longest code and state that are looked at.
const PARAMETER_LEN_MAX: usize = 4_096;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/sessions/providers", get(list))
        .route("/v1/sessions/providers/{name}", get(begin))
        .route("/v1/sessions/providers/{name}/callback", get(finish))
}

/// Who customers may come from.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityProviders)]
pub(crate) struct Providers {
    /// What they are called.
    items: Vec<String>,
}

/// What a browser brings from a provider; what else it brings is the provider's business.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Returned {
    /// What is exchanged for who they are.
    code: Option<String>,
    /// What the browser was sent with.
    state: Option<String>,
}

/// List the identity providers.
#[utoipa::path(
    get,
    path = "/v1/sessions/providers",
    operation_id = "list_identity_providers",
    tag = "sessions",
    responses((status = 200, description = "what they are called", body = Providers)),
)]
pub(crate) async fn list(State(desk): State<Desk>) -> Json<Providers> {
    Json(Providers { items: desk.providers.names() })
}

/// Go to an identity provider. For browsers: they are sent on, with a cookie.
#[utoipa::path(
    get,
    path = "/v1/sessions/providers/{name}",
    operation_id = "log_in_elsewhere",
    tag = "sessions",
    params(("name" = String, Path, description = "the provider's name", example = "acme")),
    responses(
        (status = 303, description = "to the provider",
            headers(("Location" = String, description = "where"))),
        (status = 404, description = "`/problems/not-found`: no such provider"),
        (status = 503, description = "`/problems/unavailable`: it does not answer"),
    ),
)]
pub(crate) async fn begin(
    State(desk): State<Desk>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, Problem> {
    let provider = desk.providers.get(&name).ok_or_else(Problem::not_found)?;
    let (url, flow) = provider.begin().await.map_err(refused)?;
    let location = HeaderValue::try_from(url.as_str()).map_err(|_| Problem::internal())?;
    let cookie = flow.set(provider.is_secure).ok_or_else(Problem::internal)?;
    let headers = [(header::LOCATION, location), (header::SET_COOKIE, cookie)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Come back from an identity provider: a session of the account that is linked to who comes.
///
/// An account under the same address is linked when both sides have proved the address; without
/// one, an account is made.
#[utoipa::path(
    get,
    path = "/v1/sessions/providers/{name}/callback",
    operation_id = "come_back_from_elsewhere",
    tag = "sessions",
    params(("name" = String, Path, description = "the provider's name", example = "acme"), Returned),
    responses(
        (status = 201, description = "a session", body = Session),
        (status = 401, description = "`/problems/not-let-in`: another browser was sent there, or \
            the provider does not vouch for who comes; `/problems/no-address`: not for an address"),
        (status = 404, description = "`/problems/not-found`: no such provider"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: the provider does not answer"),
    ),
)]
pub(crate) async fn finish(
    State(desk): State<Desk>,
    ApiPath(name): ApiPath<String>,
    ApiQuery(returned): ApiQuery<Returned>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = desk.providers.get(&name).ok_or_else(Problem::not_found)?;
    let flow = Flow::read(&headers, provider.is_secure);
    let fits = |text: &String| text.len() <= PARAMETER_LEN_MAX;
    let (Some(flow), Some(code), Some(state)) =
        (flow, returned.code.filter(fits), returned.state.filter(fits))
    else {
        return Err(not_let_in());
    };
    if !flow.continues(&name, &state) {
        return Err(not_let_in());
    }
    let stranger = provider.finish(code, flow).await.map_err(refused)?;
    let granted = match desk.customers.log_in_from(&stranger).await {
        Ok(granted) => granted,
        Err(FederatedError::NoAddress) => return Err(no_address()),
        Err(FederatedError::Failed(failure)) => return Err(failure.into()),
    };
    let forget = Flow::forget(provider.is_secure).ok_or_else(Problem::internal)?;
    let session = Json(Session::from(granted));
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, forget)], session).into_response())
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Away => Problem::unavailable(),
        Refused::NotVouched => not_let_in(),
    }
}

fn no_address() -> Problem {
    let title = "The provider does not vouch for an e-mail address";
    Problem::new(StatusCode::UNAUTHORIZED, "no-address", title)
}
