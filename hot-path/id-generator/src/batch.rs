//! `GET /v1/ids`.

use axum::{Json, extract::State};
use lmall_app::ids::Batch;
use lmall_web::{ApiQuery, Operator, Problem, openapi::OperatorRefused};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::desk::Desk;

/// Ids of the largest batch: an eighth of what a lease makes in a millisecond, and an answer of
/// under 30 KiB. Who needs more asks again.
pub(crate) const COUNT_MAX: u32 = 1_000;

const _: () = assert!(COUNT_MAX <= 8_192 / 8);

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Draw {
    /// How many ids: 1 to 1,000, 1 if absent.
    #[param(minimum = 1, maximum = 1_000, default = 1)]
    count: Option<u32>,
}

/// What kind of id it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// 63 bits as decimal digits: never given twice. What orders are named by.
    Snowflake,
    /// 26 characters of base 32: made while no lease can be had. No order can have one.
    Ulid,
}

/// Ids of one kind, ascending.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Drawn {
    /// The ids: as many as were asked for.
    #[schema(example = json!(["7212345678901"]))]
    ids: Vec<String>,
    /// What all of them are.
    kind: Kind,
}

impl Draw {
    fn count(&self) -> Result<u32, Problem> {
        let count = self.count.unwrap_or(1);
        if (1..=COUNT_MAX).contains(&count) {
            return Ok(count);
        }
        let detail = format!("must be between 1 and {COUNT_MAX}, not {count}");
        Err(Problem::invalid().error("/count", detail))
    }
}

/// Draw ids.
///
/// All of an answer are of one kind, and `kind` says which: look at it. While the service holds
/// no lease, `kind` is `ulid`, and none of them can name an order.
#[utoipa::path(
    get,
    path = "/v1/ids",
    operation_id = "draw_ids",
    tag = "ids",
    security(("operator" = [])),
    params(Draw),
    responses(
        (status = 200, description = "ids that were never given before", body = Drawn),
        (status = 400, description = "`/problems/malformed`: the query is ill-encoded"),
        (status = 422, description = "`/problems/validation` names each place"),
        OperatorRefused,
    ),
)]
pub(crate) async fn draw(
    State(desk): State<Desk>,
    _: Operator,
    ApiQuery(draw): ApiQuery<Draw>,
) -> Result<Json<Drawn>, Problem> {
    let count = draw.count()?;
    let (parts, made) = &*desk;
    let drawn = match parts.ids.batch(usize::try_from(count).unwrap_or_default()) {
        Batch::Snowflakes(ids) => {
            made.snowflakes.add(u64::from(count));
            Drawn { ids: ids.iter().map(ToString::to_string).collect(), kind: Kind::Snowflake }
        }
        Batch::Ulids(ids) => {
            made.ulids.add(u64::from(count));
            Drawn { ids: ids.iter().map(ToString::to_string).collect(), kind: Kind::Ulid }
        }
    };
    Ok(Json(drawn))
}
