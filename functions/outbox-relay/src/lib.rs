//! Publishes what a table's change stream shows of the outbox.
//!
//! It promises that what it does not report is published, in the order of each aggregate, and
//! that nothing of an aggregate is published past a row that failed. It answers with the lowest
//! record that is not done; the platform calls again from there on, so it may publish twice.
//!
//! A new outbox row that cannot be read is no reason to hold up a shard: no later call would
//! read it better. It is logged as an error with its cause, which an alarm counts, and passed
//! over. It does not vanish: it stays PENDING in its table, where the sweeper names it each
//! minute and the alarm on the age of the outbox stays on, until somebody has repaired it. What
//! follows it in its aggregate waits with it.

use std::{collections::BTreeMap, error::Error};

use aws_lambda_events::event::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use lmall_app::{
    OutboxRow,
    failure::{Failure, chain},
    relay::Relay,
};
use lmall_domain::{AggregateId, EventId};
use lmall_lambda::{
    FunctionError,
    stream::{Checkpoint, outbox_insert},
};

/// What the function works with.
pub struct Parts {
    /// From the outbox to the bus.
    pub relay: Relay,
}

/// The rows of one aggregate in a batch, and where they are in it.
type Places = Vec<(usize, OutboxRow)>;

/// Publishes the outbox rows that are new in this batch.
///
/// # Errors
/// When a record that failed cannot be named: then all of the batch is not done.
pub async fn handle(event: Event, parts: &Parts) -> Result<DynamoDbEventResponse, FunctionError> {
    let rows = read(&event.records);
    let count = rows.len();
    let mut checkpoint = Checkpoint::default();
    for place in publish(&parts.relay, rows).await {
        checkpoint.fail(place);
    }
    let answer = checkpoint.answer(&event.records)?;
    let (records, failed) = (event.records.len(), answer.batch_item_failures.len());
    tracing::info!(records, outbox.rows = count, outbox.stopped = failed > 0, "batch relayed");
    Ok(answer)
}

fn read(records: &[EventRecord]) -> Places {
    let mut rows = Places::new();
    for (place, record) in records.iter().enumerate() {
        match outbox_insert(record) {
            Some(Ok(row)) => rows.push((place, row)),
            Some(Err(unreadable)) => passed_over(&record.event_id, &unreadable),
            None => {}
        }
    }
    rows
}

/// Gives the places of the rows that are not published and may be later.
async fn publish(relay: &Relay, rows: Places) -> Vec<usize> {
    match relay.publish_from_stream(only_rows(&rows)).await {
        Ok(unsent) => unpublished(rows, &unsent),
        Err(Failure::Corrupt(..)) => each_alone(relay, rows).await,
        Err(failure) => {
            tracing::warn!(error = chain(&failure), "the outbox cannot be read");
            rows.into_iter().map(|(place, _)| place).collect()
        }
    }
}

/// An aggregate has a row that cannot be read. The others are not to wait for it.
async fn each_alone(relay: &Relay, rows: Places) -> Vec<usize> {
    let mut aggregates: BTreeMap<AggregateId, Places> = BTreeMap::new();
    for (place, row) in rows {
        aggregates.entry(row.aggregate_id.clone()).or_default().push((place, row));
    }
    let mut failed = Vec::new();
    for (aggregate_id, rows) in aggregates {
        match relay.publish_from_stream(only_rows(&rows)).await {
            Ok(unsent) => failed.extend(unpublished(rows, &unsent)),
            Err(corrupt @ Failure::Corrupt(..)) => passed_over(&aggregate_id.to_string(), &corrupt),
            Err(failure) => {
                tracing::warn!(error = chain(&failure), "the outbox cannot be read");
                failed.extend(rows.into_iter().map(|(place, _)| place));
            }
        }
    }
    failed
}

fn only_rows(rows: &Places) -> Vec<OutboxRow> {
    rows.iter().map(|(_, row)| row.clone()).collect()
}

fn unpublished(rows: Places, unsent: &[OutboxRow]) -> Vec<usize> {
    let failed = |id: &EventId| unsent.iter().any(|row| row.event_id == *id);
    rows.into_iter().filter(|(_, row)| failed(&row.event_id)).map(|(place, _)| place).collect()
}

/// The runbook and the alarm know this line.
fn passed_over(name: &str, cause: &dyn Error) {
    tracing::error!(record = name, error = chain(cause), "an outbox record was passed over");
}
