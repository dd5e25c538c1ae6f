//! What the writer does.

use std::sync::Arc;

use rusqlite::Connection;

use crate::{bus, store};

/// Why a job is not known to have taken effect.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// It has not.
    #[error("the transaction was rolled back")]
    RolledBack(#[source] Arc<rusqlite::Error>),
    /// It may have.
    #[error("the transaction may or may not be durable")]
    Unknown(#[source] Arc<rusqlite::Error>),
    /// It has not.
    #[error("the store is closed")]
    Closed,
    /// It may have.
    #[error("the writer is gone")]
    Gone,
}

/// The open transaction: the statements of everyone, prepared once.
pub(crate) struct Tx<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) items: store::Statements<'c>,
    pub(crate) bus: bus::Statements<'c>,
}

impl<'c> Tx<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let items = store::Statements::prepare(connection)?;
        let bus = bus::Statements::prepare(connection)?;
        Ok(Self { connection, items, bus })
    }
}

/// Something to do in a transaction.
pub(super) trait Job: Send {
    /// Does it. An error rolls the whole transaction back.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;

    /// Tells what became of the transaction.
    fn done(self: Box<Self>, outcome: Result<(), Failure>);
}

pub(super) struct FnJob<R, D, T> {
    run: R,
    done: D,
    result: Option<T>,
}

impl<R, D, T> FnJob<R, D, T> {
    pub(super) const fn new(run: R, done: D) -> Self {
        Self { run, done, result: None }
    }
}

impl<R, D, T> Job for FnJob<R, D, T>
where
    R: FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send,
    D: FnOnce(Result<T, Failure>) + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.run)(tx)?);
        Ok(())
    }

    fn done(self: Box<Self>, outcome: Result<(), Failure>) {
        let Self { done, result, .. } = *self;
        done(outcome.and_then(|()| result.ok_or(Failure::Gone)));
    }
}
