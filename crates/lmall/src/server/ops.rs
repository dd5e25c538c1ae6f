//! Routes for operators.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{FromRef, State},
    routing::{get, post},
};
use lmall_app::{
    failure::Failure,
    outbox::PENDING_SHARDS,
    ports::{Clock, DeadLetter, DeadLetterFilter, DeadLetters, Index, IndexQuery, Store, Table},
    topology::Queue,
};
use lmall_domain::{Timestamp, event::Envelope};
use lmall_web::{
    ApiJson, ApiQuery, Operator, OperatorToken, Page, Problem, ProblemBody,
    page::{PageQuery, decode_cursor, encode_cursor},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::wiring::Shop;

/// Pending outbox rows that are counted; more are shown as this many.
const PENDING_SHOWN: usize = 10_000;

#[derive(Clone)]
struct Ops {
    shop: Shop,
    token: OperatorToken,
}

impl FromRef<Ops> for OperatorToken {
    fn from_ref(ops: &Ops) -> Self {
        ops.token.clone()
    }
}

/// The operator routes.
pub(super) fn router(shop: Shop, token: OperatorToken) -> Router {
    Router::new()
        .route("/v1/ops/summary", get(summary))
        .route("/v1/ops/dead-letters", get(dead_letters))
        .route("/v1/ops/dead-letters/replay", post(replay))
        .route("/v1/ops/audit", post(audit))
        .with_state(Ops { shop, token })
}

/// The whole API of the process.
pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    for part in [lmall_order::openapi(), lmall_inventory::openapi(), lmall_payment::openapi()] {
        document.merge(part);
    }
    document
}

#[derive(OpenApi)]
#[openapi(
    info(title = "LMall", description = "Orders, stock and payments."),
    paths(summary, dead_letters, replay, audit)
)]
struct Document;

/// How the shop is.
#[derive(Serialize, ToSchema)]
struct Summary {
    /// Orders by status.
    orders: BTreeMap<&'static str, i64>,
    /// Events that wait for the relay.
    outbox: Outbox,
    /// By queue.
    queues: Vec<Depth>,
    /// Dead letters in all queues, without parked ones.
    dead_letters: u64,
    /// Dead letters that wait for an operator.
    parked: u64,
}

#[derive(Serialize, ToSchema)]
struct Outbox {
    /// How many; 10,000 stands for that and more.
    pending: usize,
    /// The age of the oldest, in seconds.
    oldest_age_s: Option<u64>,
}

#[derive(Serialize, ToSchema)]
struct Depth {
    queue: &'static str,
    visible: u64,
    in_flight: u64,
    dead: u64,
    parked: u64,
}

#[utoipa::path(get, path = "/v1/ops/summary", tag = "operations",
    security(("operator" = [])),
    responses((status = 200, body = Summary), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn summary(_: Operator, State(ops): State<Ops>) -> Result<Json<Summary>, Problem> {
    let shop = &ops.shop;
    let orders = shop.orders.count_by_status().await.map_err(problem)?;
    let depths = shop.bus.depths().await.map_err(|error| problem(error.into()))?;
    let sum = |part: fn(&lmall_app::ports::QueueDepth) -> u64| depths.iter().map(part).sum();
    Ok(Json(Summary {
        orders: orders.into_iter().map(|(status, count)| (status.name(), count)).collect(),
        outbox: outbox(shop).await.map_err(problem)?,
        dead_letters: sum(|depth| depth.dead),
        parked: sum(|depth| depth.parked),
        queues: depths
            .iter()
            .map(|depth| Depth {
                queue: depth.queue.name(),
                visible: depth.visible,
                in_flight: depth.in_flight,
                dead: depth.dead,
                parked: depth.parked,
            })
            .collect(),
    }))
}

async fn outbox(shop: &Shop) -> Result<Outbox, Failure> {
    let (mut pending, mut oldest): (usize, Option<Timestamp>) = (0, None);
    for table in Table::ALL {
        for shard in 0..PENDING_SHARDS {
            let query = IndexQuery {
                table,
                index: Index::OutboxPending,
                partition: shard.to_string(),
                after: None,
                until: None,
                limit: PENDING_SHOWN - pending,
                descending: false,
            };
            let items = shop.store.query_index(&query).await?.items;
            pending += items.len();
            if let Some(first) = items.first() {
                let (row, _) = lmall_app::OutboxRow::from_body(&first.body)
                    .map_err(|error| Failure::Corrupt(first.key.clone(), error))?;
                oldest = Some(oldest.map_or(row.created_at, |at| at.min(row.created_at)));
            }
            if pending >= PENDING_SHOWN {
                break;
            }
        }
    }
    let now = shop.clock.now();
    Ok(Outbox { pending, oldest_age_s: oldest.map(|at| now.since(at).as_secs()) })
}

/// Which dead letters.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct LettersQuery {
    /// Only of this queue.
    queue: Option<String>,
    /// Only of this event type.
    event_type: Option<String>,
    /// Only of this order.
    order_id: Option<String>,
    /// Default 20, at most 100.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A message that could not be processed.
#[derive(Serialize, ToSchema)]
struct Letter {
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

#[utoipa::path(get, path = "/v1/ops/dead-letters", tag = "operations", params(LettersQuery),
    security(("operator" = [])),
    responses((status = 200, body = Page<Letter>), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 503, body = ProblemBody)))]
async fn dead_letters(
    _: Operator,
    State(ops): State<Ops>,
    ApiQuery(query): ApiQuery<LettersQuery>,
) -> Result<Json<Page<Letter>>, Problem> {
    let limit = PageQuery { limit: query.limit, cursor: None }.limit()?;
    let mut filter = filter(query.queue, query.event_type, query.order_id)?;
    filter.after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    let letters = ops.shop.bus.list(&filter, limit + 1).await;
    let mut letters = letters.map_err(|error| problem(error.into()))?;
    let more = letters.len() > limit;
    letters.truncate(limit);
    let next_cursor = letters.last().filter(|_| more).map(|last| encode_cursor(&last.id));
    Ok(Json(Page { items: letters.into_iter().map(letter).collect(), next_cursor }))
}

fn letter(letter: DeadLetter) -> Letter {
    let envelope = Envelope::from_json(&letter.message.body).ok();
    Letter {
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

/// What to send again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ReplayRequest {
    /// Only of this queue.
    queue: Option<String>,
    /// Only of this event type.
    event_type: Option<String>,
    /// Only of this order.
    order_id: Option<String>,
    /// Only count.
    dry_run: bool,
}

#[derive(Serialize, ToSchema)]
struct ReplayAnswer {
    /// Dead letters that the filters let through.
    matched: usize,
    /// Of those, sent again.
    replayed: usize,
    /// Whether it was only counted.
    dry_run: bool,
}

#[utoipa::path(post, path = "/v1/ops/dead-letters/replay", tag = "operations",
    request_body = ReplayRequest, security(("operator" = [])),
    responses((status = 200, body = ReplayAnswer), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 503, body = ProblemBody)))]
async fn replay(
    _: Operator,
    State(ops): State<Ops>,
    ApiJson(request): ApiJson<ReplayRequest>,
) -> Result<Json<ReplayAnswer>, Problem> {
    let filter = filter(request.queue, request.event_type, request.order_id)?;
    let done = ops.shop.replayer.replay(filter, request.dry_run).await.map_err(problem)?;
    let dry_run = request.dry_run;
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

/// What the audit found.
#[derive(Serialize, ToSchema)]
struct AuditReport {
    /// Whether every invariant holds.
    ok: bool,
    /// Whether nothing was under way; only then what must hold at rest was checked, too.
    at_rest: bool,
    /// By invariant.
    checks: Vec<AuditCheck>,
}

#[derive(Serialize, ToSchema)]
struct AuditCheck {
    /// `I1` to `I8`.
    invariant: &'static str,
    title: &'static str,
    ok: bool,
    checked: u64,
    violations: Vec<String>,
}

#[utoipa::path(post, path = "/v1/ops/audit", tag = "operations", security(("operator" = [])),
    responses((status = 200, body = AuditReport), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn audit(_: Operator, State(ops): State<Ops>) -> Result<Json<AuditReport>, Problem> {
    let report = ops.shop.auditor.run().await.map_err(problem)?;
    let check = |check: lmall_app::ops::audit::Check| AuditCheck {
        invariant: check.invariant,
        title: check.title,
        ok: check.ok,
        checked: check.checked,
        violations: check.violations,
    };
    let checks = report.checks.into_iter().map(check).collect();
    Ok(Json(AuditReport { ok: report.ok, at_rest: report.at_rest, checks }))
}

/// What a client may read of a failure; the rest is logged, once, here.
fn problem(failure: Failure) -> Problem {
    let error = lmall_app::consumer::chain(&failure);
    tracing::warn!(error, "operator request failed");
    match failure {
        Failure::Unavailable(_) | Failure::NotYet(_) => Problem::unavailable(),
        Failure::Never(_) | Failure::Corrupt(..) => Problem::internal(),
    }
}
