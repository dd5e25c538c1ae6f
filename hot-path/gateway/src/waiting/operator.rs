//! `/v1/waiting-rooms/{sku}`, for operators.

use axum::{Json, extract::State};
use http::StatusCode;
use lmall_app::failure::Failure;
use lmall_domain::Sku;
use lmall_web::{
    ApiJson, ApiPath, Operator, Problem,
    openapi::{BodyRefused, Fault, OperatorRefused},
};

use super::{
    hall::Shared,
    view::{OpenRoom, WaitingRoom},
};

/// Begin a flash sale, or change one.
///
/// From then on orders of the SKU need a token from its waiting room; processes of the order
/// service that are elsewhere hear of it within a second. Sending it again changes how an open
/// room lets customers through, and nobody's place.
#[utoipa::path(
    put,
    path = "/v1/waiting-rooms/{sku}",
    operation_id = "open_waiting_room",
    tag = "waiting rooms",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    request_body = OpenRoom,
    responses(
        (status = 200, description = "it was open", body = WaitingRoom),
        (status = 201, description = "it is open", body = WaitingRoom),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 409, description = "`/problems/too-many-flash-sales`: of others at this time"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: send it again"),
        BodyRefused, OperatorRefused,
    ),
)]
pub(crate) async fn open(
    State(hall): State<Shared>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    ApiJson(body): ApiJson<OpenRoom>,
) -> Result<(StatusCode, Json<WaitingRoom>), Problem> {
    let settings = body.settings()?;
    // The room last: as long as it is not there, nobody can order, and nobody was promised to.
    if !hall.admissions.set_flash(&sku, true).await? {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "too-many-flash-sales",
            "There are as many flash sales as there can be",
        ));
    }
    let is_new = hall.rooms.open(&sku, settings).await.map_err(Failure::from)?;
    let summary = hall.rooms.summary(&sku).await.map_err(Failure::from)?;
    let summary = summary.ok_or_else(Problem::not_found)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(WaitingRoom::new(&sku, &summary))))
}

/// A flash sale in numbers.
#[utoipa::path(
    get,
    path = "/v1/waiting-rooms/{sku}",
    operation_id = "get_waiting_room",
    tag = "waiting rooms",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 200, description = "the room", body = WaitingRoom),
        (status = 404, description = "`/problems/not-found`: no such room"),
        OperatorRefused, Fault,
    ),
)]
pub(crate) async fn summary(
    State(hall): State<Shared>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<Json<WaitingRoom>, Problem> {
    let summary = hall.rooms.summary(&sku).await.map_err(Failure::from)?;
    let summary = summary.ok_or_else(Problem::not_found)?;
    Ok(Json(WaitingRoom::new(&sku, &summary)))
}

/// End a flash sale.
///
/// Everybody in the room is in no room any more, and anybody may order the SKU. Tokens that were
/// given are of no use then, and do no harm.
#[utoipa::path(
    delete,
    path = "/v1/waiting-rooms/{sku}",
    operation_id = "close_waiting_room",
    tag = "waiting rooms",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 204, description = "there is none, now or since before"),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: send it again"),
        OperatorRefused,
    ),
)]
pub(crate) async fn close(
    State(hall): State<Shared>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<StatusCode, Problem> {
    hall.rooms.close(&sku).await.map_err(Failure::from)?;
    hall.admissions.set_flash(&sku, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
