//! `GET /v1/ops/dead-letters` and `POST /v1/ops/dead-letters/replay`.

use axum::{Json, extract::State};
use lmall_app::{
    failure::Failure,
    ports::{DeadLetter, DeadLetterFilter},
    topology::Queue,
};
use lmall_domain::event::Envelope;
use lmall_web::{
    ApiJson, ApiQuery, Operator, Page, PageQuery, Problem,
    openapi::{BodyRefused, Fault, OperatorRefused, QueryRefused},
    page::{decode_cursor, encode_cursor},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::office::Office;

/// Which dead letters.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LettersQuery {
    /// Only of this queue.
    queue: Option<String>,
    /// Only of this event type.
    event_type: Option<String>,
    /// Only of this order.
    order_id: Option<String>,
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A message that could not be processed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Letter {
    id: String,
    queue: &'static str,
    event_id: Option<String>,
    event_type: String,
    order_id: String,
    cause: String,
    receive_count: u32,
    replays: u32,
    dead_at: String,
    parked: bool,
}

/// What to send again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReplayRequest {
    /// Only of this queue.
    queue: Option<String>,
    /// Only of this event type.
    event_type: Option<String>,
    /// Only of this order.
    order_id: Option<String>,
    /// Only count.
    dry_run: bool,
}

/// What was sent again.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayAnswer {
    /// Dead letters that the filters let through.
    matched: usize,
    /// Of those, sent again.
    replayed: usize,
    /// Whether it was only counted.
    dry_run: bool,
}

/// List the messages that could not be processed.
#[utoipa::path(
    get,
    path = "/v1/ops/dead-letters",
    operation_id = "list_dead_letters",
    tag = "operations",
    security(("operator" = [])),
    params(LettersQuery),
    responses(
        (status = 200, description = "a page of dead letters", body = Page<Letter>),
        (status = 422, description = "`/problems/validation`: a filter, the limit or the cursor"),
        OperatorRefused, QueryRefused, Fault,
    ),
)]
pub(crate) async fn list(
    _: Operator,
    State(office): State<Office>,
    ApiQuery(query): ApiQuery<LettersQuery>,
) -> Result<Json<Page<Letter>>, Problem> {
    let limit = PageQuery { limit: query.limit, cursor: None }.limit()?;
    let mut filter = filter(query.queue, query.event_type, query.order_id)?;
    filter.after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    let mut letters = office.letters.list(&filter, limit + 1).await.map_err(Failure::from)?;
    let more = letters.len() > limit;
    letters.truncate(limit);
    let next_cursor = letters.last().filter(|_| more).map(|last| encode_cursor(&last.id));
    Ok(Json(Page { items: letters.into_iter().map(Letter::from).collect(), next_cursor }))
}

/// Send dead letters to their queues again.
#[utoipa::path(
    post,
    path = "/v1/ops/dead-letters/replay",
    operation_id = "replay_dead_letters",
    tag = "operations",
    security(("operator" = [])),
    request_body = ReplayRequest,
    responses(
        (status = 200, description = "how many were sent again", body = ReplayAnswer),
        (status = 422, description = "`/problems/validation`: a filter"),
        BodyRefused, OperatorRefused, Fault,
    ),
)]
pub(crate) async fn replay(
    _: Operator,
    State(office): State<Office>,
    ApiJson(request): ApiJson<ReplayRequest>,
) -> Result<Json<ReplayAnswer>, Problem> {
    let filter = filter(request.queue, request.event_type, request.order_id)?;
    let dry_run = request.dry_run;
    let done = office.replayer().replay(filter, dry_run).await?;
    Ok(Json(ReplayAnswer { matched: done.matched, replayed: done.replayed, dry_run }))
}

fn filter(
    queue: Option<String>,
    event_type: Option<String>,
    order_id: Option<String>,
) -> Result<DeadLetterFilter, Problem> {
    let unknown = |name: String| {
        let names: Vec<_> = Queue::ALL.iter().map(|queue| queue.name()).collect();
        Problem::invalid()
            .error("/queue", format!("no queue is named `{name}`; one of {}", names.join(", ")))
    };
    let queue =
        queue.map(|name| Queue::from_name(&name).ok_or_else(|| unknown(name))).transpose()?;
    Ok(DeadLetterFilter { queue, event_type, group: order_id, after: None })
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let envelope = Envelope::from_json(&letter.message.body).ok();
        Self {
            id: letter.id,
            queue: letter.queue.name(),
            event_id: envelope.map(|envelope| envelope.event_id.to_string()),
            event_type: letter.message.event_type.to_string(),
            order_id: letter.message.group.to_string(),
            cause: letter.cause,
            receive_count: letter.receive_count,
            replays: letter.message.replays,
            dead_at: letter.dead_at.to_string(),
            parked: letter.parked_at.is_some(),
        }
    }
}
