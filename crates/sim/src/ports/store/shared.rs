//! The store that all processes share.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lmall_app::{
    Changeset,
    ports::{Key, Table},
};
use parking_lot::Mutex;
use rand::RngExt;

use crate::{
    aws::{
        dynamo::{Applied, Change, Dynamo, Token, TransactError, position},
        stream::{Order, Record, Stream},
    },
    kernel::{Fault, Kernel, ProcessId, START, Signal},
};

/// An index follows its table within this time.
const LAG_MAX: Duration = Duration::from_millis(20);

/// But for when it does not: mostly within this time,
const LONG_LAG_MAX: Duration = Duration::from_secs(60);

/// and now and then within this one: an index that is throttled falls behind.
const VERY_LONG_LAG_MAX: Duration = Duration::from_secs(1_200);

/// Who sees every transaction, at the moment when it takes effect.
///
/// It is called while the store is locked: it reads what it is given, and never asks a store.
pub trait CommitObserver: Send + Sync {
    /// A request of `process` succeeded, by its token or by its writes, and `store` is what is
    /// there now.
    fn committed(
        &self,
        process: ProcessId,
        changeset: &Changeset,
        applied: &Applied,
        store: &Dynamo,
    );

    /// Rows past their expiry were deleted.
    fn expired(&self, changes: &[Change], store: &Dynamo) {
        let _: (&[Change], &Dynamo) = (changes, store);
    }
}

/// The tables and their streams.
pub struct SharedStore {
    kernel: Kernel,
    aws: Mutex<Aws>,
    signals: [Signal; Table::ALL.len()],
    observer: Option<Arc<dyn CommitObserver>>,
}

struct Aws {
    dynamo: Dynamo,
    streams: [Stream; Table::ALL.len()],
    in_flight: BTreeMap<Key, usize>,
}

impl SharedStore {
    /// Empty tables, whose streams keep this order.
    #[must_use]
    pub fn new(kernel: Kernel, order: Order) -> Self {
        let streams = Table::ALL.map(|_| Stream::new(order));
        let aws = Aws { dynamo: Dynamo::new(START), streams, in_flight: BTreeMap::new() };
        Self { kernel, aws: Mutex::new(aws), signals: Default::default(), observer: None }
    }

    /// The same with somebody who sees every transaction.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn CommitObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Reads the tables as they are, without a call: for those who check.
    pub fn inspect<T>(&self, look: impl FnOnce(&Dynamo) -> T) -> T {
        look(&self.aws.lock().dynamo)
    }

    /// Changes that have not arrived at an index.
    #[must_use]
    pub fn pending_index_updates(&self) -> usize {
        self.aws.lock().dynamo.pending_index_updates(self.kernel.elapsed())
    }

    /// Told whenever the table's stream has new records.
    #[must_use]
    pub fn signal(&self, table: Table) -> &Signal {
        &self.signals[position(table)]
    }

    /// The records of a shard from a position on, at most `max`, and the position after them.
    #[must_use]
    pub fn read_stream(
        &self,
        table: Table,
        shard: usize,
        at: u64,
        max: usize,
    ) -> (Vec<Arc<Record>>, u64) {
        let stream = &mut self.aws.lock().streams[position(table)];
        stream.trim(self.kernel.elapsed());
        stream.read(shard, at, max)
    }

    /// Deletes rows past their expiry: all that AWS does not keep any longer, and when the fault
    /// strikes, about half of the others. Gives how many.
    pub fn delete_expired(&self) -> usize {
        let strikes = self.kernel.strikes(Fault::TtlDeletes);
        let mut aws = self.aws.lock();
        let changes = aws.dynamo.expire(self.kernel.elapsed(), &mut |_| self.lag(), &mut |_| {
            strikes && self.kernel.draw(|rng| rng.random())
        });
        self.follow(&mut aws, &changes, true);
        if let Some(observer) = &self.observer
            && !changes.is_empty()
        {
            observer.expired(&changes, &aws.dynamo);
        }
        changes.len()
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Dynamo, Duration) -> T) -> T {
        look(&mut self.aws.lock().dynamo, self.kernel.elapsed())
    }

    /// The transaction takes effect, or is refused.
    pub(super) fn apply(
        &self,
        process: ProcessId,
        changeset: &Changeset,
        token: Token,
    ) -> Result<Applied, TransactError> {
        let mut aws = self.aws.lock();
        let now = self.kernel.elapsed();
        let applied = aws.dynamo.transact(now, changeset, token, &mut |_| self.lag())?;
        self.follow(&mut aws, &applied.changes, false);
        if let Some(observer) = &self.observer {
            observer.committed(process, changeset, &applied, &aws.dynamo);
        }
        Ok(applied)
    }

    /// What follows from changes: records, and that readers are woken.
    fn follow(&self, aws: &mut Aws, changes: &[Change], by_ttl: bool) {
        let now = self.kernel.elapsed();
        let choose =
            &mut |places: usize| self.kernel.draw(|rng| rng.random_range(0..places.max(1)));
        for table in Table::ALL {
            let mut of_table = changes.iter().filter(|change| change.key.table == table).peekable();
            if of_table.peek().is_some() {
                aws.streams[position(table)].append(now, of_table, by_ttl, choose);
                self.signals[position(table)].notify();
            }
        }
    }

    fn lag(&self) -> Duration {
        let max = if self.kernel.strikes(Fault::IndexStuck) {
            VERY_LONG_LAG_MAX
        } else if self.kernel.strikes(Fault::IndexLag) {
            LONG_LAG_MAX
        } else {
            LAG_MAX
        };
        self.kernel.between(Duration::ZERO, max)
    }

    /// A request sets out: until it is dropped, others that write its rows are in its way.
    pub(super) fn send(store: &Arc<Self>, changeset: &Changeset) -> InFlight {
        let writes = changeset.writes().iter().map(|(write, _)| write.key().clone());
        let outbox = changeset.outbox().map(lmall_app::OutboxRow::key);
        let keys: Vec<Key> = writes.chain(outbox).collect();
        let mut aws = store.aws.lock();
        for key in &keys {
            *aws.in_flight.entry(key.clone()).or_default() += 1;
        }
        drop(aws);
        InFlight { store: Arc::clone(store), keys }
    }
}

/// A transaction between its sender and its effect.
pub(super) struct InFlight {
    store: Arc<SharedStore>,
    keys: Vec<Key>,
}

impl InFlight {
    /// Whether another one writes one of its rows.
    pub(super) fn is_contended(&self) -> bool {
        let aws = self.store.aws.lock();
        self.keys.iter().any(|key| aws.in_flight.get(key).is_some_and(|count| *count > 1))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut aws = self.store.aws.lock();
        for key in &self.keys {
            if let Some(count) = aws.in_flight.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    aws.in_flight.remove(key);
                }
            }
        }
    }
}
