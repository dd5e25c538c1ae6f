//! `GET /v1/ops/summary`.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use lmall_app::{
    OutboxRow,
    failure::Failure,
    order,
    pages::Pages,
    ports::{Index, QueueDepth, Table},
};
use lmall_domain::Timestamp;
use lmall_web::{
    Operator, Problem,
    openapi::{Fault, OperatorRefused},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::office::{Office, Parts};

/// Pending outbox rows that are counted; more are shown as this many.
const PENDING_SHOWN: usize = 10_000;

/// How the shop is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Summary {
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

/// Read how the shop is.
#[utoipa::path(
    get,
    path = "/v1/ops/summary",
    operation_id = "get_summary",
    tag = "operations",
    security(("operator" = [])),
    responses(
        (status = 200, description = "orders, outbox, queues and dead letters", body = Summary),
        OperatorRefused, Fault,
    ),
)]
pub(crate) async fn get(
    _: Operator,
    State(office): State<Office>,
) -> Result<Json<Summary>, Problem> {
    let orders = order::count_by_status(&*office.store).await?;
    let depths = office.letters.depths().await.map_err(Failure::from)?;
    let sum = |part: fn(&QueueDepth) -> u64| depths.iter().map(part).sum();
    Ok(Json(Summary {
        orders: orders.into_iter().map(|(status, count)| (status.name(), count)).collect(),
        outbox: outbox(&office).await?,
        dead_letters: sum(|depth| depth.dead),
        parked: sum(|depth| depth.parked),
        queues: depths.iter().map(Depth::from).collect(),
    }))
}

impl From<&QueueDepth> for Depth {
    fn from(depth: &QueueDepth) -> Self {
        Self {
            queue: depth.queue.name(),
            visible: depth.visible,
            in_flight: depth.in_flight,
            dead: depth.dead,
            parked: depth.parked,
        }
    }
}

async fn outbox(parts: &Parts) -> Result<Outbox, Failure> {
    let (mut pending, mut oldest): (usize, Option<Timestamp>) = (0, None);
    for table in Table::ALL {
        let mut pages = Pages::new(&*parts.store, table, Index::OutboxPending, None);
        while pending < PENDING_SHOWN
            && let Some(items) = pages.next().await?
        {
            pending = PENDING_SHOWN.min(pending + items.len());
            if let Some(first) = items.first() {
                let (row, _) = OutboxRow::from_body(&first.body)
                    .map_err(|error| Failure::Corrupt(first.key.clone(), error))?;
                oldest = Some(oldest.map_or(row.created_at, |at| at.min(row.created_at)));
            }
        }
    }
    let now = parts.clock.now();
    Ok(Outbox { pending, oldest_age_s: oldest.map(|at| now.since(at).as_secs()) })
}
