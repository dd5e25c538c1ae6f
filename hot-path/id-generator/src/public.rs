//! `POST /v1/ids/public` and `GET /v1/ids/public/{public_id}`.

use std::sync::Arc;

use axum::{Json, extract::State};
use lmall_app::ids::public::PublicIdKeys;
use lmall_domain::OrderId;
use lmall_web::{
    ApiJson, ApiPath, Operator, Problem,
    openapi::{BodyRefused, OperatorRefused},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    batch::COUNT_MAX,
    desk::{Desk, Parts},
};

/// Ids to be named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    /// 1 to 1,000 Snowflakes.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1_000, example = json!(["7212345678901"]))]
    ids: Vec<OrderId>,
}

/// What ids are called in public.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Names {
    /// In the order of the ids.
    #[schema(example = json!(["a1ytdy2a738w997ne32y3yvy0f8"]))]
    public_ids: Vec<String>,
}

/// What a public id names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Meant {
    /// The id.
    #[schema(value_type = String, example = "7212345678901")]
    id: OrderId,
}

/// Name ids in public.
///
/// The newest key names them. The same id has the same name until another key does that.
#[utoipa::path(
    post,
    path = "/v1/ids/public",
    operation_id = "name_ids",
    tag = "ids",
    security(("operator" = [])),
    request_body = Named,
    responses(
        (status = 200, description = "their names", body = Names),
        (status = 404, description = "`/problems/not-found`: no keys are configured"),
        (status = 422, description = "`/problems/validation` names each place"),
        BodyRefused, OperatorRefused,
    ),
)]
pub(crate) async fn encode(
    State(desk): State<Desk>,
    _: Operator,
    ApiJson(named): ApiJson<Named>,
) -> Result<Json<Names>, Problem> {
    let keys = keys(&desk.0)?;
    let count = named.ids.len();
    if !(1..=COUNT_MAX).contains(&u32::try_from(count).unwrap_or(u32::MAX)) {
        let detail = format!("must have 1 to {COUNT_MAX} ids, not {count}");
        return Err(Problem::invalid().error("/ids", detail));
    }
    Ok(Json(Names { public_ids: named.ids.into_iter().map(|id| keys.encode(id)).collect() }))
}

/// Read a public id.
///
/// Capitals do not matter.
#[utoipa::path(
    get,
    path = "/v1/ids/public/{public_id}",
    operation_id = "read_public_id",
    tag = "ids",
    security(("operator" = [])),
    params(("public_id" = String, Path, description = "what was given as one",
        example = "a1ytdy2a738w997ne32y3yvy0f8")),
    responses(
        (status = 200, description = "the id", body = Meant),
        (status = 404, description = "`/problems/not-found`: no key of ours made it, or no keys \
            are configured"),
        OperatorRefused,
    ),
)]
pub(crate) async fn decode(
    State(desk): State<Desk>,
    _: Operator,
    ApiPath(public_id): ApiPath<String>,
) -> Result<Json<Meant>, Problem> {
    let id = keys(&desk.0)?.decode(&public_id);
    id.map(|id| Json(Meant { id })).ok_or_else(Problem::not_found)
}

fn keys(parts: &Parts) -> Result<Arc<PublicIdKeys>, Problem> {
    let off = || Problem::not_found().detail("public ids are off: no keys are configured");
    parts.public_ids.keys().ok_or_else(off)
}
