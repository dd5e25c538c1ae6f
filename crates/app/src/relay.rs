//! The relay: from the outbox to the bus, in order, at least once.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use lmall_domain::AggregateId;

use crate::{
    Changeset, Refusal, Write,
    failure::{Failure, committed},
    outbox::OutboxRow,
    pages::Pages,
    ports::{Bus, Clock, Index, Item, Query, Store, Table},
    row::{self, skipped},
};

/// Rows PENDING for longer than this were lost on the way and are published by the sweeper.
pub const SWEEP_AGE: Duration = Duration::from_secs(60);

/// Rows marked SENT in one transaction.
const MARK_BATCH: usize = 64;

/// Outbox rows of one aggregate read at once: nearly always all of them. A payment may have some
/// hundreds.
const PAGE: usize = 256;

/// Publishes outbox rows and marks them SENT.
#[derive(Clone)]
pub struct Relay {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// A relay from this store to this bus.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, bus: Arc<dyn Bus>, clock: Arc<dyn Clock>) -> Self {
        Self { store, bus, clock }
    }

    /// Publishes the rows, which must be in the order in which they were written, and marks
    /// them SENT. Gives back, in order, those that were not published: the first that failed of
    /// each aggregate, and all after it.
    pub async fn publish(&self, rows: Vec<OutboxRow>) -> Vec<OutboxRow> {
        let (sent, unsent) = self.send(rows).await;
        self.mark_sent(&sent).await;
        unsent
    }

    /// The same for rows from a change stream: it may have lost earlier ones, and keeps no order
    /// among the rows of an aggregate that AWS promises. So whatever is PENDING of an aggregate
    /// up to its last row here goes with it, in order.
    ///
    /// # Errors
    /// When the store does not answer: nothing is published.
    pub async fn publish_from_stream(
        &self,
        rows: Vec<OutboxRow>,
    ) -> Result<Vec<OutboxRow>, Failure> {
        let mut in_turn: BTreeMap<(AggregateId, u32), OutboxRow> = BTreeMap::new();
        let mut last: BTreeMap<AggregateId, (Table, u32)> = BTreeMap::new();
        for row in rows {
            let (_, seq) = last.entry(row.aggregate_id.clone()).or_insert((row.table(), row.seq));
            *seq = row.seq.max(*seq);
            in_turn.insert((row.aggregate_id.clone(), row.seq), row);
        }
        for (aggregate_id, (table, seq)) in last {
            if seq > 1 {
                let rows = self.rows_from_first_pending(table, &aggregate_id).await?;
                let before = rows.into_iter().filter(|row| row.seq < seq);
                in_turn.extend(before.map(|row| ((row.aggregate_id.clone(), row.seq), row)));
            }
        }
        Ok(self.publish(in_turn.into_values().collect()).await)
    }

    /// Publishes in rounds of at most one row an aggregate: entries of one batch call fail
    /// separately, and a later row must not overtake an earlier one that failed.
    async fn send(&self, rows: Vec<OutboxRow>) -> (Vec<OutboxRow>, Vec<OutboxRow>) {
        let mut sent = Vec::with_capacity(rows.len());
        let mut unsent = Vec::new();
        let mut left = rows;
        while !left.is_empty() {
            let (round, later) = first_of_each(left);
            let mut failed: Vec<AggregateId> = Vec::new();
            for (row, published) in self.publish_round(round).await {
                if published {
                    sent.push(row);
                } else {
                    failed.push(row.aggregate_id.clone());
                    unsent.push(row);
                }
            }
            left = Vec::with_capacity(later.len());
            for row in later {
                if failed.contains(&row.aggregate_id) { unsent.push(row) } else { left.push(row) }
            }
        }
        unsent.sort_by(|one, other| {
            (&one.aggregate_id, one.seq).cmp(&(&other.aggregate_id, other.seq))
        });
        (sent, unsent)
    }

    async fn publish_round(&self, round: Vec<OutboxRow>) -> Vec<(OutboxRow, bool)> {
        // A service publishes to one topic, so a round has one; the loop makes no assumption.
        let mut by_topic: BTreeMap<_, Vec<OutboxRow>> = BTreeMap::new();
        for row in round {
            by_topic.entry(row.event_type.topic()).or_default().push(row);
        }
        let mut results = Vec::new();
        for (topic, rows) in by_topic {
            let messages = rows.iter().map(OutboxRow::message).collect();
            let answers = self.bus.publish(topic, messages).await;
            for (row, answer) in rows.into_iter().zip(answers) {
                if let Err(error) = &answer {
                    let error = crate::failure::chain(error);
                    tracing::warn!(event.id = row.event_id.as_str(), error, "publish failed");
                }
                results.push((row, answer.is_ok()));
            }
        }
        results
    }

    /// Marks rows SENT. A failure is harmless: they are published again, and deduplicated.
    async fn mark_sent(&self, rows: &[OutboxRow]) {
        let mark = |row: &OutboxRow| Write::Replace(row.sent(), 1);
        for batch in rows.chunks(MARK_BATCH) {
            let all = batch
                .iter()
                .fold(Changeset::new(), |changes, row| changes.with(mark(row), Refusal::Stale));
            if self.store.commit(all).await.is_ok() {
                continue;
            }
            // One of them was marked before; the others are not to wait for it.
            for row in batch {
                let one = Changeset::new().with(mark(row), Refusal::Stale);
                if let Err(failure) = committed(self.store.commit(one).await) {
                    let error = crate::failure::chain(&failure);
                    tracing::debug!(event.id = row.event_id.as_str(), error, "not marked");
                }
            }
        }
    }

    /// Publishes the rows of `table` that are PENDING for longer than `age`, each aggregate's
    /// from its oldest such row on. Gives how many aggregates it found.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep(&self, table: Table, age: Duration) -> Result<usize, Failure> {
        let mut found = 0;
        // What failed must not be overtaken by a later row that another page has.
        let mut stuck: BTreeSet<AggregateId> = BTreeSet::new();
        let until = Some(self.clock.now().before(age));
        let mut pages = Pages::new(&*self.store, table, Index::OutboxPending, until);
        while let Some(items) = pages.next().await? {
            let rows = items.iter().filter_map(|item| skip_corrupt(decode(item)));
            let aggregates: BTreeSet<_> = rows.map(|(row, _)| row.aggregate_id).collect();
            found += aggregates.len();
            let mut rows = Vec::new();
            for aggregate_id in aggregates.difference(&stuck) {
                match self.rows_from_first_pending(table, aggregate_id).await {
                    Ok(from) => rows.extend(from),
                    Err(failure @ Failure::Corrupt(..)) => skipped(&failure),
                    Err(failure) => return Err(failure),
                }
            }
            let unsent = self.publish(rows).await;
            stuck.extend(unsent.into_iter().map(|row| row.aggregate_id));
        }
        Ok(found)
    }

    /// The rows of an aggregate from its first PENDING one on. The table says which that is: an
    /// index may have a later row already, and an earlier one not yet.
    async fn rows_from_first_pending(
        &self,
        table: Table,
        aggregate_id: &AggregateId,
    ) -> Result<Vec<OutboxRow>, Failure> {
        let mut query = Query {
            table,
            partition: row::partition(aggregate_id),
            prefix: OutboxRow::SORT_PREFIX.to_owned(),
            after: None,
            limit: PAGE,
            descending: false,
        };
        let mut rows = Vec::new();
        loop {
            let page = self.store.query(&query).await?;
            for item in &page.items {
                let (row, is_pending) = decode(item)?;
                if is_pending || !rows.is_empty() {
                    rows.push(row);
                }
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok(rows);
            }
        }
    }
}

/// The row, and whether it is PENDING.
fn decode(item: &Item) -> Result<(OutboxRow, bool), Failure> {
    OutboxRow::from_body(&item.body).map_err(|error| Failure::Corrupt(item.key.clone(), error))
}

/// Logs what cannot be read, so that it does not keep the sweep from all the others.
fn skip_corrupt<T>(read: Result<T, Failure>) -> Option<T> {
    read.inspect_err(skipped).ok()
}

fn first_of_each(rows: Vec<OutboxRow>) -> (Vec<OutboxRow>, Vec<OutboxRow>) {
    let mut seen = HashSet::with_capacity(rows.len());
    rows.into_iter().partition(|row| seen.insert(row.aggregate_id.clone()))
}
