//! The store port, on the model of DynamoDB.

mod shared;

#[cfg(test)]
mod tests;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    Changeset, Write,
    ports::{
        CommitError, IndexQuery, Item, Key, Page, Query, Scan, Store, StoreError, Table, Watch,
    },
};
use rand::RngExt;

use self::shared::InFlight;
pub use self::shared::{CommitObserver, SharedStore};
use crate::{
    aws::dynamo::{Applied, Dynamo, Token, TransactError},
    kernel::{Fault, Kernel, Site, WORLD},
};

/// Who waits for a row looks again after this long at most.
const POLL: Duration = Duration::from_millis(500);

/// A transaction that its sender has given up takes effect within this time, and the SDK sends
/// one again within it.
const LATE_MAX: Duration = Duration::from_secs(30);

/// Two transactions on one row at one time: this much likelier than without any reason.
const CONTENTION: u32 = 100;

/// What AWS, or the way to it, says instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoreFault(&'static str);

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for StoreFault {}

/// A process's client of the store. Clones are the same one.
#[derive(Clone)]
pub struct StorePort {
    site: Site,
    aws: Arc<SharedStore>,
}

impl StorePort {
    /// The client that `site` has of this store.
    #[must_use]
    pub fn new(site: Site, aws: Arc<SharedStore>) -> Self {
        Self { site, aws }
    }

    fn kernel(&self) -> &Kernel {
        &self.site.kernel
    }

    async fn read<T>(
        &self,
        what: &'static str,
        look: impl FnOnce(&mut Dynamo, Duration) -> T,
    ) -> Result<T, StoreError> {
        self.site.hop(what).await;
        let fails = self.kernel().strikes(Fault::ReadFails);
        let answer = self.aws.look(look);
        self.site.hop("store answers").await;
        if fails { Err(StoreError(Box::new(StoreFault("no answer in time")))) } else { Ok(answer) }
    }

    /// What happens to the request where it arrives.
    async fn carry_out(&self, changeset: Changeset, flight: InFlight) -> Result<(), CommitError> {
        let kernel = self.kernel();
        if kernel.strikes(Fault::Throttled) {
            return Err(CommitError::Unavailable(Box::new(StoreFault("throttled"))));
        }
        let factor = if flight.is_contended() { CONTENTION } else { 1 };
        if kernel.strikes_more(Fault::Conflict, factor) {
            return Err(CommitError::Unavailable(Box::new(StoreFault("transaction conflict"))));
        }
        let unknown = || Err(CommitError::Unknown(Box::new(StoreFault("no answer in time"))));
        if kernel.strikes(Fault::CommitLost) {
            return unknown();
        }
        let token = Token::of(&changeset, kernel.draw(|rng| rng.random()));
        if kernel.strikes(Fault::CommitLate) {
            self.apply_late(changeset, token, flight);
            return unknown();
        }
        let mut outcome = self.apply(&changeset, token);
        drop(flight);
        if kernel.strikes(Fault::CommitRepeated) {
            // The client did not get the first answer.
            kernel.sleep(kernel.between(Duration::ZERO, LATE_MAX)).await;
            self.site.hop("commit again").await;
            outcome = self.apply(&changeset, token);
        }
        if kernel.strikes(Fault::CommitUnanswered) {
            return unknown();
        }
        match outcome {
            Ok(_) => Ok(()),
            Err(TransactError::Refused(refusal)) => Err(CommitError::Refused(refusal)),
            Err(TransactError::Invalid(problem)) => {
                Err(CommitError::Unavailable(Box::new(StoreFault(problem))))
            }
        }
    }

    fn apply_late(&self, changeset: Changeset, token: Token, flight: InFlight) {
        let port = self.clone();
        let late = async move {
            let kernel = port.kernel();
            kernel.sleep(kernel.between(Duration::ZERO, LATE_MAX)).await;
            // Nobody waits for the outcome any more.
            port.apply(&changeset, token).ok();
            drop(flight);
        };
        self.kernel().spawn(WORLD, Box::pin(late));
    }

    fn apply(&self, changeset: &Changeset, token: Token) -> Result<Applied, TransactError> {
        let outcome = self.aws.apply(self.site.process, changeset, token);
        self.site.note(|| {
            let outcome = match &outcome {
                Ok(Applied { by_token: true, .. }) => "done before".to_owned(),
                Ok(_) => "done".to_owned(),
                Err(error) => format!("{error:?}"),
            };
            format!("commit {}: {outcome}", describe(changeset))
        });
        outcome
    }
}

/// The rows that it writes, for people.
fn describe(changeset: &Changeset) -> String {
    let write = |write: &Write| {
        let key = write.key();
        let what = match write {
            Write::Insert(_) => "+".to_owned(),
            Write::Replace(_, version) => format!("@{}", version + 1),
            Write::Adjust(_, deltas) => format!("{deltas:?}"),
            Write::Delete(..) => "-".to_owned(),
            Write::Absent(_) => "?".to_owned(),
        };
        format!("{}/{}{what}", key.partition, key.sort)
    };
    let writes = changeset.writes().iter().map(|(each, _)| write(each));
    let event = changeset.outbox().map(|row| format!("{} #{}", row.event_type.name(), row.seq));
    writes.chain(event).collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl Store for StorePort {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.read("get", |dynamo, _| dynamo.get(key)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.read("query", |dynamo, _| dynamo.query(query)).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.read("query index", |dynamo, now| dynamo.query_index(now, query)).await
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        let flight = SharedStore::send(&self.aws, &changeset);
        self.site.hop("commit").await;
        let answer = self.carry_out(changeset, flight).await;
        self.site.hop("commit answered").await;
        answer
    }
}

#[async_trait]
impl Scan for StorePort {
    async fn scan(
        &self,
        table: Table,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.read("scan", |dynamo, _| dynamo.scan(table, after, limit)).await
    }
}

#[async_trait]
impl Watch for StorePort {
    /// DynamoDB tells nobody: who waits looks again and again.
    async fn changed(&self, _: &Key, _: u64, timeout: Duration) -> bool {
        self.kernel().sleep(timeout.min(POLL)).await;
        true
    }
}
