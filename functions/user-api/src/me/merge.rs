//! Two accounts of one person become one.

use axum::{Json, extract::State};
use lmall_app::customer::{MergeError, Proof, RefreshToken};
use lmall_domain::CustomerId;
use lmall_web::{
    ApiJson, CustomerId as Caller, Problem, RequestContext,
    openapi::{BodyRefused, Fault},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::{Desk, email, not_let_in, rejected, shown, too_many};

/// What shows that the other account is the caller's: its address and password, or the refresh
/// token of a session of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Merge)]
pub(crate) struct Other {
    /// The address of the other account.
    #[schema(nullable = false, max_length = 254, example = "ann@work.example")]
    email: Option<String>,
    /// The password of the other account.
    #[schema(nullable = false, max_length = 72)]
    password: Option<String>,
    /// The refresh token that came with a session of the other account last.
    #[schema(nullable = false, max_length = 256)]
    refresh_token: Option<String>,
}

/// What became of the other account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Merged)]
pub(crate) struct Merged {
    /// The account that became part of the caller's; absent when that was done before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    merged: Option<CustomerId>,
}

impl Other {
    fn proof(self) -> Result<Proof, Problem> {
        match (self.email, self.password, self.refresh_token) {
            (Some(address), Some(password), None) => {
                Ok(Proof::Password(email(&address, "/email")?, shown(password, "/password")?))
            }
            (None, None, Some(token)) => {
                RefreshToken::parse(&token).map(Proof::Session).ok_or_else(not_let_in)
            }
            (_, _, _) => {
                let detail = "send `email` and `password`, or `refresh_token`";
                Err(Problem::invalid().error("", detail))
            }
        }
    }
}

/// Make another account part of the caller's.
///
/// The caller's account keeps what it says of itself, and takes what it does not say from the
/// other one, with its addresses, its orders and its identity providers. The sessions of the
/// other one end. Repeated, it changes nothing.
#[utoipa::path(
    post,
    path = "/v1/customers/me/merges",
    operation_id = "merge_account",
    tag = "me",
    security(("customer" = [])),
    request_body = Other,
    responses(
        (status = 200, description = "they are one; its orders follow", body = Merged),
        (status = 401, description = "`/problems/unauthenticated`: no customer; \
            `/problems/not-let-in`: it does not show that the other account is theirs"),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 409, description = "`/problems/not-mergeable`: it is the same account; \
            `/problems/too-many`: together they have too many addresses"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 429, description = "`/problems/rate-limited`: too many attempts"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn merge(
    State(desk): State<Desk>,
    Caller(id): Caller,
    context: RequestContext,
    ApiJson(body): ApiJson<Other>,
) -> Result<Json<Merged>, Problem> {
    let proof = body.proof()?;
    match desk.customers.merge(&id, &proof, &context.trace()).await {
        Ok(merged) => Ok(Json(Merged { merged })),
        Err(MergeError::Unknown) => Err(Problem::not_found()),
        Err(MergeError::NotProved) => Err(not_let_in()),
        Err(MergeError::TooMany(wait)) => Err(too_many(wait)),
        Err(MergeError::Rejected(rejection)) => Err(rejected(rejection)),
        Err(MergeError::Failed(failure)) => Err(failure.into()),
    }
}
