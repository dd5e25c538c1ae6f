//! Deduplication ids, remembered for five minutes.

use lmall_app::topology::Queue;
use lmall_domain::{Timestamp, event::Topic};
use rusqlite::{Connection, Statement};

use super::statements::number;
use crate::db::integer;

/// How long an id is remembered, in milliseconds: as SQS does.
const WINDOW_MS: i64 = 300_000;

/// Rows of an outdated generation that are deleted with each transaction that asks. There may
/// be millions: deleted at once, they would hold up everybody for half a second.
const FORGOTTEN: usize = 256;

/// Tables: one to write to, one to ask, and one to be emptied.
const GENERATIONS: usize = 3;

/// Where a deduplication id counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    Topic(Topic),
    Queue(Queue),
}

impl Scope {
    /// One text of scope and id. With two columns, SQLite would look through a whole scope to
    /// delete a few rows of it.
    fn key(self, dedup_id: &str) -> String {
        let number = match self {
            Self::Topic(Topic::OrderEvents) => 1,
            Self::Topic(Topic::PaymentEvents) => 2,
            Self::Topic(Topic::ProductEvents) => 3,
            Self::Topic(Topic::CustomerEvents) => 4,
            Self::Queue(queue) => 16 + number(queue),
        };
        format!("{number} {dedup_id}")
    }
}

/// The ids that are remembered.
pub(super) struct Dedup<'c> {
    connection: &'c Connection,
    generation: Statement<'c>,
    remember: Vec<Statement<'c>>,
    forget: Vec<Statement<'c>>,
    known: Statement<'c>,
}

const fn elder(younger: usize) -> usize {
    (younger + GENERATIONS - 1) % GENERATIONS
}

const fn outdated(younger: usize) -> usize {
    (younger + 1) % GENERATIONS
}

/// What is in the younger generation was sent within the window: the generation is no older.
fn remember(younger: usize) -> String {
    let elder = elder(younger);
    format!(
        "INSERT INTO dedup_{younger} (key, sent_at) SELECT ?1, ?2
         WHERE NOT EXISTS
             (SELECT 1 FROM dedup_{elder} WHERE key = ?1 AND sent_at > ?2 - {WINDOW_MS})
         ON CONFLICT (key) DO NOTHING"
    )
}

fn forget(younger: usize) -> String {
    let outdated = outdated(younger);
    format!(
        "DELETE FROM dedup_{outdated} WHERE key <
             (SELECT key FROM dedup_{outdated} ORDER BY key LIMIT 1 OFFSET {FORGOTTEN})"
    )
}

fn known() -> String {
    let in_one = |generation| {
        format!("SELECT 1 FROM dedup_{generation} WHERE key = ?1 AND sent_at > ?2 - {WINDOW_MS}")
    };
    let all: Vec<_> = (0..GENERATIONS).map(in_one).collect();
    format!("SELECT EXISTS ({})", all.join(" UNION ALL "))
}

impl<'c> Dedup<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let each = |sql: fn(usize) -> String| {
            let prepare = |younger| connection.prepare(&sql(younger));
            (0..GENERATIONS).map(prepare).collect::<rusqlite::Result<_>>()
        };
        Ok(Self {
            connection,
            generation: connection.prepare("SELECT younger, since FROM dedup_generation")?,
            remember: each(remember)?,
            forget: each(forget)?,
            known: connection.prepare(&known())?,
        })
    }

    /// The generation to write to, after turning them over if it is time.
    pub(super) fn generation(&mut self, now: Timestamp) -> rusqlite::Result<usize> {
        let (younger, since): (u8, i64) =
            self.generation.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let younger = usize::from(younger) % GENERATIONS;
        // Also when the clock was put back: an id shall not be remembered until it catches up.
        if (now.as_millis() - since).abs() < WINDOW_MS {
            self.forget[younger].execute([])?;
            return Ok(younger);
        }
        // What it holds was sent before the elder one ended, so all of it is too old. Nearly
        // all of it is gone already.
        let next = outdated(younger);
        self.connection.execute(&format!("DELETE FROM dedup_{next}"), [])?;
        self.connection.execute(
            "UPDATE dedup_generation SET younger = ?1, since = ?2",
            (integer(next), now.as_millis()),
        )?;
        Ok(next)
    }

    /// Notes that the id was sent at `now`; `false` when it was within the window before.
    pub(super) fn remember(
        &mut self,
        generation: usize,
        scope: Scope,
        dedup_id: &str,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let new = (scope.key(dedup_id), now.as_millis());
        Ok(self.remember[generation].execute(new)? == 1)
    }

    /// Whether the id was sent within the window before `now`.
    pub(super) fn knows(
        &mut self,
        scope: Scope,
        dedup_id: &str,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        self.known.query_row((scope.key(dedup_id), now.as_millis()), |row| row.get(0))
    }
}
