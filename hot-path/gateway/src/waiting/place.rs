//! `/v1/waiting-rooms/{sku}/place`: the place of the customer who calls.

use axum::{Json, extract::State};
use http::StatusCode;
use lmall_app::{failure::Failure, ports::Joined};
use lmall_domain::Sku;
use lmall_web::{ApiPath, CustomerId, Problem, openapi::CustomerRefused};

use super::{hall::Shared, view::Place};

/// Seconds until a room that is full may have been emptied by its operator.
const FULL_RETRY_S: u32 = 60;

/// Join the line.
///
/// Whoever is in it keeps their place, however often they join. Who left, gave no sign of life
/// or did not use their token gets the last place.
#[utoipa::path(
    post,
    path = "/v1/waiting-rooms/{sku}/place",
    operation_id = "join_waiting_room",
    tag = "waiting rooms",
    security(("customer" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 200, description = "the place since before", body = Place),
        (status = 201, description = "a new place", body = Place),
        (status = 404, description = "`/problems/not-found`: the SKU has no waiting room; it can \
            be ordered without"),
        (status = 409, description = "`/problems/sold-out`: all units are sold"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`, `/problems/waiting-room-full`: \
            try again later"),
        CustomerRefused,
    ),
)]
pub(crate) async fn join(
    State(hall): State<Shared>,
    CustomerId(customer_id): CustomerId,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<(StatusCode, Json<Place>), Problem> {
    let place = |standing| Json(Place::new(&sku, standing, &hall.keys));
    match hall.rooms.join(&sku, &customer_id).await.map_err(Failure::from)? {
        Joined::New(standing) => Ok((StatusCode::CREATED, place(standing))),
        Joined::Known(standing) => Ok((StatusCode::OK, place(standing))),
        Joined::SoldOut => {
            Err(Problem::new(StatusCode::CONFLICT, "sold-out", "All units are sold"))
        }
        Joined::Full => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "waiting-room-full",
            "The waiting room takes no more customers",
        )
        .retry_after(FULL_RETRY_S)),
        Joined::NoRoom => Err(Problem::not_found()),
    }
}

/// Look at the place.
///
/// It is a sign of life, too. When it is the customer's turn, the answer has the token.
#[utoipa::path(
    get,
    path = "/v1/waiting-rooms/{sku}/place",
    operation_id = "get_waiting_room_place",
    tag = "waiting rooms",
    security(("customer" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 200, description = "the place", body = Place),
        (status = 404, description = "`/problems/not-found`: no place; join"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: the place is kept meanwhile"),
        CustomerRefused,
    ),
)]
pub(crate) async fn look(
    State(hall): State<Shared>,
    CustomerId(customer_id): CustomerId,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<Json<Place>, Problem> {
    let standing = hall.rooms.visit(&sku, &customer_id).await.map_err(Failure::from)?;
    let standing = standing.ok_or_else(Problem::not_found)?;
    Ok(Json(Place::new(&sku, standing, &hall.keys)))
}

/// Leave.
///
/// A token that was given is void from then on, unless an order was faster.
#[utoipa::path(
    delete,
    path = "/v1/waiting-rooms/{sku}/place",
    operation_id = "leave_waiting_room",
    tag = "waiting rooms",
    security(("customer" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 204, description = "there is no place, now or since before"),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: send it again"),
        CustomerRefused,
    ),
)]
pub(crate) async fn leave(
    State(hall): State<Shared>,
    CustomerId(customer_id): CustomerId,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<StatusCode, Problem> {
    hall.rooms.leave(&sku, &customer_id).await.map_err(Failure::from)?;
    Ok(StatusCode::NO_CONTENT)
}
