//! Messages that could not be processed.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{
    ports::{
        BusError, DeadLetter, DeadLetterFilter, DeadLetters, Message, QueueDepth, Receipt,
        ReplayRun,
    },
    topology::Queue,
};
use lmall_domain::{Timestamp, event::EventType};
use rusqlite::{Connection, Row};

use super::{
    Queues, Sent, SqliteBus, bus_error,
    dedup::Scope,
    delivery,
    statements::{self, MESSAGE},
};
use crate::db::{Failure, Tx, integer};

/// Ids sort as their numbers do.
fn id_text(id: i64) -> String {
    format!("{id:019}")
}

fn id_number(text: &str) -> Option<i64> {
    text.parse().ok()
}

impl SqliteBus {
    /// Moves a held message to the dead letters. Its group goes on when that is durable.
    pub(super) async fn bury(
        &self,
        queue: Queue,
        receipt: &Receipt,
        cause: String,
        permanent: bool,
    ) -> Result<(), Failure> {
        let suspended = self.queues.update(queue, |state| {
            let (seq, _) = delivery::holder(state, receipt)?;
            state.suspend(seq).map(|flight| (seq, flight))
        });
        let Some((seq, flight)) = suspended else { return Ok(()) };
        let (queues, now) = (Arc::clone(&self.queues), self.clock.now());
        self.writer
            .call_then(
                move |tx| tx.bus.bury(seq, permanent, now, &cause),
                move |buried| {
                    queues.update(queue, |state| match buried {
                        Ok(()) => state.free(flight.group),
                        Err(_) => state.resume(seq, flight),
                    });
                },
            )
            .await
    }
}

/// What became of a redrive.
enum Redriven {
    /// There is no such dead letter.
    Absent,
    /// It is in its queue again, unless its deduplication id was known.
    Done(Option<Sent>),
}

fn redrive(
    queues: &Queues,
    tx: &mut Tx<'_>,
    id: i64,
    message: &Message,
    now: Timestamp,
) -> rusqlite::Result<Redriven> {
    let Some(queue) = tx.bus.unbury(id)? else { return Ok(Redriven::Absent) };
    if queue.is_fifo() {
        // The queue knows the ids that it was sent through its topic, too.
        let topic = EventType::from_name(&message.event_type).map(EventType::topic);
        let known = match topic {
            Some(topic) => tx.bus.dedup.knows(Scope::Topic(topic), &message.dedup_id, now)?,
            None => false,
        };
        let generation = tx.bus.dedup.generation(now)?;
        if known
            || !tx.bus.dedup.remember(generation, Scope::Queue(queue), &message.dedup_id, now)?
        {
            return Ok(Redriven::Done(None));
        }
    }
    queues.send(tx, queue, message).map(|sent| Redriven::Done(Some(sent)))
}

fn list(
    connection: &Connection,
    filter: &DeadLetterFilter,
    limit: usize,
) -> rusqlite::Result<Vec<DeadLetter>> {
    let sql = format!(
        "SELECT {MESSAGE}, id, queue, cause, receive_count, permanent, dead_at, parked_at
         FROM dead_letter
         WHERE id > ?1 AND (?2 IS NULL OR queue = ?2) AND (?3 IS NULL OR event_type = ?3)
             AND (?4 IS NULL OR grp = ?4)
         ORDER BY id LIMIT ?5"
    );
    let after = filter.after.as_deref().and_then(id_number).unwrap_or(0);
    let queue = filter.queue.map(statements::number);
    let mut statement = connection.prepare_cached(&sql)?;
    let params = (after, queue, &filter.event_type, &filter.group, integer(limit));
    statement.query_map(params, dead_letter)?.collect()
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: id_text(row.get(6)?),
        queue: statements::queue(row, 7)?,
        message: statements::message(row)?,
        cause: row.get(8)?,
        receive_count: row.get(9)?,
        permanent: row.get(10)?,
        dead_at: Timestamp::from_millis(row.get(11)?),
        parked_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis),
    })
}

/// Dead letters of each queue: not parked, and parked.
fn count(connection: &Connection) -> rusqlite::Result<Vec<(Queue, u64, u64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT queue, count(*), count(parked_at) FROM dead_letter GROUP BY queue",
    )?;
    let counts = statement.query_map([], |row| {
        let (all, parked): (u32, u32) = (row.get(1)?, row.get(2)?);
        Ok((statements::queue(row, 0)?, u64::from(all - parked), u64::from(parked)))
    })?;
    counts.collect()
}

#[async_trait]
impl DeadLetters for SqliteBus {
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BusError> {
        self.readers.with(|connection| list(connection, filter, limit)).map_err(bus_error)
    }

    async fn redrive(&self, id: &str, message: Message) -> Result<bool, BusError> {
        let Some(id) = id_number(id) else { return Ok(false) };
        let (own, after) = (Arc::clone(&self.queues), Arc::clone(&self.queues));
        let now = self.clock.now();
        let redriven = self
            .writer
            .call_then(
                move |tx| redrive(&own, tx, id, &message, now),
                move |redriven| {
                    if let Ok(Redriven::Done(sent)) = redriven {
                        after.sent(sent.take().into_iter().collect());
                    }
                },
            )
            .await;
        redriven.map(|redriven| matches!(redriven, Redriven::Done(_))).map_err(bus_error)
    }

    async fn park(&self, id: &str) -> Result<bool, BusError> {
        let Some(id) = id_number(id) else { return Ok(false) };
        let now = self.clock.now();
        self.writer.call(move |tx| tx.bus.park(id, now)).await.map_err(bus_error)
    }

    async fn record(&self, run: &ReplayRun) -> Result<(), BusError> {
        let run = run.clone();
        self.writer.call(move |tx| tx.bus.record(&run)).await.map_err(bus_error)
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, BusError> {
        let now = self.clock.monotonic();
        let counts = self.readers.with(count).map_err(bus_error)?;
        let depth = |queue| {
            let (visible, in_flight) = self.queues.update(queue, |state| {
                state.expire(now);
                state.depth()
            });
            let found = counts.iter().find(|(of, ..)| *of == queue);
            let (dead, parked) = found.map_or((0, 0), |(_, dead, parked)| (*dead, *parked));
            QueueDepth { queue, visible, in_flight, dead, parked }
        };
        Ok(Queue::ALL.into_iter().map(depth).collect())
    }
}
