//! The bus in the file.

use std::sync::Arc;

use lmall_app::{
    ports::{Message, ReplayRun},
    topology::Queue,
};
use lmall_domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::dedup::Dedup;
use crate::db::integer;

/// The columns that [`message`] reads, in its order.
pub(super) const MESSAGE: &str = "grp, dedup_id, event_type, body, trace, replays";

/// The number that stands for the queue in the file.
pub(super) const fn number(queue: Queue) -> i64 {
    match queue {
        Queue::Order => 1,
        Queue::Inventory => 2,
        Queue::Payment => 3,
        Queue::Analytics => 4,
        Queue::Product => 5,
        Queue::Customer => 6,
    }
}

/// The queue with that number.
pub(super) fn queue(row: &Row<'_>, column: usize) -> rusqlite::Result<Queue> {
    let found: i64 = row.get(column)?;
    let queue = Queue::ALL.into_iter().find(|queue| number(*queue) == found);
    queue.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, found))
}

/// The message in a row that begins with [`MESSAGE`].
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let trace = match row.get_ref(4)?.as_str_or_null()? {
        None => lmall_app::Trace::default(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            let column = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(4, column, Box::new(error))
        })?,
    };
    let text = |column| Ok::<Arc<str>, rusqlite::Error>(row.get_ref(column)?.as_str()?.into());
    Ok(Message {
        group: text(0)?,
        dedup_id: text(1)?,
        event_type: text(2)?,
        body: text(3)?,
        trace,
        replays: row.get(5)?,
    })
}

/// The statements of the bus.
pub(crate) struct Statements<'c> {
    pub(super) dedup: Dedup<'c>,
    send: Statement<'c>,
    count: Statement<'c>,
    delete: Statement<'c>,
    bury: Statement<'c>,
    park: Statement<'c>,
    unbury: Statement<'c>,
    record: Statement<'c>,
    forget: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql: &str| connection.prepare(sql);
        Ok(Self {
            dedup: Dedup::prepare(connection)?,
            send: prepare(&format!(
                "INSERT INTO message (seq, queue, receive_count, {MESSAGE})
                 VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)"
            ))?,
            count: prepare("UPDATE message SET receive_count = ?2 WHERE seq = ?1")?,
            delete: prepare("DELETE FROM message WHERE seq = ?1")?,
            bury: prepare(&format!(
                "INSERT INTO dead_letter (queue, receive_count, permanent, dead_at, cause, {MESSAGE})
                 SELECT queue, receive_count, ?2, ?3, ?4, {MESSAGE} FROM message WHERE seq = ?1"
            ))?,
            park: prepare(
                "UPDATE dead_letter SET parked_at = ?2 WHERE id = ?1 AND parked_at IS NULL",
            )?,
            unbury: prepare("DELETE FROM dead_letter WHERE id = ?1 RETURNING queue")?,
            record: prepare(
                "INSERT INTO replay_run
                     (started_at, \"trigger\", queue, event_type, grp, replayed, parked)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            forget: prepare("DELETE FROM replay_run WHERE started_at < ?1")?,
        })
    }

    /// Puts the message into the queue.
    pub(super) fn send(
        &mut self,
        seq: i64,
        queue: Queue,
        message: &Message,
    ) -> rusqlite::Result<()> {
        let Message { group, dedup_id, event_type, body, trace, replays } = message;
        let trace = (*trace != lmall_app::Trace::default())
            .then(|| serde_json::to_string(trace).expect("two strings have a JSON form"));
        let (group, dedup_id, event_type) = (&**group, &**dedup_id, &**event_type);
        let row = (seq, number(queue), group, dedup_id, event_type, &**body, trace, replays);
        self.send.execute(row)?;
        Ok(())
    }

    /// Notes how often the message was received.
    pub(super) fn count(&mut self, seq: i64, receive_count: u32) -> rusqlite::Result<()> {
        self.count.execute((seq, receive_count))?;
        Ok(())
    }

    /// Deletes the message.
    pub(super) fn delete(&mut self, seq: i64) -> rusqlite::Result<()> {
        self.delete.execute([seq])?;
        Ok(())
    }

    /// Moves the message to the dead letters.
    pub(super) fn bury(
        &mut self,
        seq: i64,
        permanent: bool,
        dead_at: Timestamp,
        cause: &str,
    ) -> rusqlite::Result<()> {
        self.bury.execute((seq, permanent, dead_at.as_millis(), cause))?;
        self.delete(seq)
    }

    /// Parks the dead letter; `false` when it is gone or parked.
    pub(super) fn park(&mut self, id: i64, now: Timestamp) -> rusqlite::Result<bool> {
        Ok(self.park.execute((id, now.as_millis()))? == 1)
    }

    /// Removes the dead letter; answers its queue.
    pub(super) fn unbury(&mut self, id: i64) -> rusqlite::Result<Option<Queue>> {
        self.unbury.query_row([id], |row| queue(row, 0)).optional()
    }

    /// Keeps the record of a replay, and forgets those that are too old.
    pub(super) fn record(&mut self, run: &ReplayRun) -> rusqlite::Result<()> {
        let ReplayRun { trigger, filter, started_at, replayed, parked } = run;
        let queue = filter.queue.map(Queue::name);
        let (event_type, group) = (&filter.event_type, &filter.group);
        let (replayed, parked) = (integer(*replayed), integer(*parked));
        let started = started_at.as_millis();
        let row = (started, trigger.name(), queue, event_type, group, replayed, parked);
        self.record.execute(row)?;
        self.forget.execute([started_at.before(ReplayRun::KEPT).as_millis()])?;
        Ok(())
    }
}
