//! Order ids: Snowflakes, and the lease that makes a machine id nobody else's.

use std::{sync::Arc, time::Duration};

use ferroid::{
    generator::{AtomicSnowflakeGenerator, Poll},
    time::TimeSource,
};
use lmall_domain::{OrderId, Timestamp};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use self::{raw::RawId, wall::WallClock};
use crate::{
    Changeset, Refusal,
    failure::{Failure, Round, committed, rounds},
    ports::{Clock, Key, NoId, OrderIds, Query, Store, Table},
    row::{decode, plain},
    shutdown::Shutdown,
};

pub mod public;
mod source;
mod ulids;
mod wall;

pub use source::{Batch, Ids};
pub use ulids::{Ulid, Ulids};

mod raw {
    ferroid::define_snowflake_id!(
        /// 69 years of milliseconds, 512 machines, 8,192 ids a millisecond of each.
        RawId, u64,
        reserved: 1,
        timestamp: 41,
        machine_id: 9,
        sequence: 13
    );
}

/// 2026-01-01T00:00:00Z: ids count milliseconds from here.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// How many machine ids there are: nine bits.
const MACHINES: u64 = 512;

/// How long a lease lasts. It is renewed at a third of that.
const LEASE: Duration = Duration::from_secs(60);

/// How often a lease is asked for while none is held.
const RETAKE: Duration = Duration::from_secs(5);

/// A generator stops this long before its lease ends, so that a slow renewal or a clock that
/// runs at another speed cannot make two holders overlap.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// For how long a lease is good for ids, in milliseconds.
const USABLE_MS: u64 = (LEASE.as_secs() - LEASE_MARGIN.as_secs()) * 1_000;

/// A machine id's lease, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    /// When it was taken: always after `last_at` of the one before, so it names the holder.
    taken_at: Timestamp,
    /// Until when nobody else may take the machine id. In the past when given back.
    expires_at: Timestamp,
    /// No id made under this lease has a later timestamp.
    last_at: Timestamp,
}

/// Milliseconds since [`EPOCH_MS`]: the wall clock when the lease was taken, and the monotonic
/// clock from there on. A wall clock that is set back has no effect on it.
#[derive(Clone)]
struct LeaseTime {
    clock: Arc<dyn Clock>,
    base_ms: u64,
    base: Duration,
}

impl TimeSource<u64> for LeaseTime {
    fn current_millis(&self) -> u64 {
        let passed = self.clock.monotonic().saturating_sub(self.base);
        self.base_ms.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Makes order ids while it holds the lease of a machine id.
pub struct LeasedIds {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    held: RwLock<Option<Held>>,
    wall: WallClock,
}

/// A lease that ids are made under, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// The machine id.
    pub machine: u64,
    /// For how long it is good for ids unless it is renewed; never zero.
    pub remaining: Duration,
}

/// A lease that is held, and what it is good for.
struct Held {
    machine: u64,
    taken_at: Timestamp,
    time: LeaseTime,
    generator: AtomicSnowflakeGenerator<RawId, LeaseTime>,
    /// No id has this timestamp or a later one: milliseconds since [`EPOCH_MS`].
    stop_ms: u64,
}

impl LeasedIds {
    /// Takes the lease of a machine id that nobody holds.
    ///
    /// # Errors
    /// When the store does not answer, or all machine ids are taken.
    pub async fn acquire(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let ids = Self::unleased(store, clock);
        ids.retake().await?;
        Ok(ids)
    }

    /// Makes no id yet: [`keep`](Self::keep) takes a lease as soon as it can.
    #[must_use]
    pub fn unleased(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let wall = WallClock::new(&*clock);
        Self { store, clock, held: RwLock::new(None), wall }
    }

    /// Renews the lease until `shutdown`, then gives it back. While the store does not answer,
    /// ids are made until shortly before the lease ends, and again once it is renewed. A lease
    /// that somebody else took meanwhile is replaced by that of another machine id, and one that
    /// was never had is asked for until it is.
    pub async fn keep(&self, mut shutdown: Shutdown) {
        if self.held.read().is_none() {
            self.kept().await;
        }
        loop {
            let pause = if self.leased().is_some() { LEASE / 3 } else { RETAKE };
            if !shutdown.pause(&*self.clock, pause).await {
                break;
            }
            self.kept().await;
        }
        self.stop();
        if let Err(failure) = self.renew(Duration::ZERO).await {
            not_renewed(&failure);
        }
    }

    /// The lease that ids are made under; `None` while none can be made.
    #[must_use]
    pub fn leased(&self) -> Option<Leased> {
        let held = self.held.read();
        let held = held.as_ref()?;
        let left_ms = held.stop_ms.saturating_sub(held.time.current_millis());
        let remaining = Duration::from_millis(left_ms);
        (left_ms > 0).then_some(Leased { machine: held.machine, remaining })
    }

    /// How often the wall clock was seen to have been set back: no id followed it.
    #[must_use]
    pub fn rollbacks(&self) -> u64 {
        self.wall.look(&*self.clock)
    }

    /// Renews the lease, or takes another one.
    async fn kept(&self) {
        let renewed = match self.renew(LEASE).await {
            Ok(true) => Ok(()),
            Ok(false) => self.retake().await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = renewed {
            not_renewed(&failure);
        }
    }

    async fn retake(&self) -> Result<(), Failure> {
        let held = take(&*self.store, &self.clock).await?;
        tracing::info!(machine = held.machine, "the lease of a machine id was taken");
        *self.held.write() = Some(held);
        Ok(())
    }

    /// Makes no more ids under the lease that is held.
    fn stop(&self) {
        if let Some(held) = self.held.write().as_mut() {
            held.stop_ms = 0;
        }
    }

    /// Extends the lease to `length` from now; `false` when there is none, or it is somebody
    /// else's by now.
    async fn renew(&self, length: Duration) -> Result<bool, Failure> {
        self.wall.look(&*self.clock);
        let of = |held: &Held| (held.machine, held.taken_at, held.time.clone());
        let Some((machine, taken_at, time)) = self.held.read().as_ref().map(of) else {
            return Ok(false);
        };
        let key = lease_key(machine);
        rounds(&*self.clock, machine, async || {
            let asked_ms = time.current_millis();
            let Some(item) = self.store.get(&key).await? else { return Ok(Round::Done(false)) };
            if decode::<Lease>(&item)?.value.taken_at != taken_at {
                tracing::warn!(machine, "the machine id's lease was lost");
                self.stop();
                return Ok(Round::Done(false));
            }
            let asked_at = EPOCH_MS.saturating_add_unsigned(asked_ms);
            let last_at = Timestamp::from_millis(asked_at).after(length);
            let lease = Lease { taken_at, expires_at: last_at, last_at };
            let changes = Changeset::new().put(plain(key.clone(), &lease), item.version);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => {
                    if !length.is_zero()
                        && let Some(held) = self.held.write().as_mut()
                    {
                        held.stop_ms = asked_ms + USABLE_MS;
                    }
                    Round::Done(true)
                }
                Err(_) => Round::Again,
            })
        })
        .await
    }
}

fn not_renewed(failure: &Failure) {
    let error = crate::failure::chain(failure);
    tracing::warn!(error, "the machine id's lease was not renewed");
}

impl OrderIds for LeasedIds {
    fn next(&self) -> Result<OrderId, NoId> {
        let held = self.held.read();
        let held = held.as_ref().ok_or(NoId)?;
        loop {
            match held.generator.poll_id() {
                Poll::Ready { id } if id.timestamp() < held.stop_ms => {
                    return OrderId::new(id.to_raw()).ok_or(NoId);
                }
                Poll::Ready { .. } => return Err(NoId),
                // 8,192 ids were made in this millisecond, or another thread was faster.
                Poll::Pending { .. } => std::hint::spin_loop(),
            }
        }
    }
}

async fn take(store: &dyn Store, clock: &Arc<dyn Clock>) -> Result<Held, Failure> {
    let salt = u64::try_from(clock.now().as_millis()).unwrap_or_default();
    let (machine, taken_at, base) = rounds(&**clock, salt, || take_lease(store, &**clock)).await?;
    let base_ms = u64::try_from(taken_at.as_millis() - EPOCH_MS)
        .map_err(|_| Failure::Never("the clock is before 2026".to_owned()))?;
    let time = LeaseTime { clock: Arc::clone(clock), base_ms, base };
    let generator = AtomicSnowflakeGenerator::new(machine, time.clone());
    Ok(Held { machine, taken_at, time, generator, stop_ms: base_ms + USABLE_MS })
}

fn lease_key(machine: u64) -> Key {
    Key::new(Table::Order, "lease", format!("{machine:03}"))
}

/// Takes the first machine id that was never leased or whose lease is over. Timestamps under it
/// begin after the last one under the lease before.
async fn take_lease(
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<Round<(u64, Timestamp, Duration)>, Failure> {
    let query = Query {
        table: Table::Order,
        partition: "lease".to_owned(),
        prefix: String::new(),
        after: None,
        limit: usize::try_from(MACHINES).unwrap_or(usize::MAX),
        descending: false,
    };
    let leases = store.query(&query).await?.items;
    let base = clock.monotonic();
    let now = clock.now();
    for machine in 0..MACHINES {
        let key = lease_key(machine);
        let (version, base_at) = match leases.iter().find(|item| item.key == key) {
            None => (0, now),
            Some(item) => {
                let lease = decode::<Lease>(item)?;
                if lease.value.expires_at > now {
                    continue;
                }
                (lease.version, now.max(lease.value.last_at.after(Duration::from_millis(1))))
            }
        };
        let expires_at = base_at.after(LEASE);
        let lease = Lease { taken_at: base_at, expires_at, last_at: expires_at };
        let row = plain(key, &lease);
        let changes = Changeset::new().put(row, version);
        return Ok(match committed(store.commit(changes).await)? {
            Ok(()) => Round::Done((machine, base_at, base)),
            Err(Refusal::Stale | Refusal::AlreadyHandled | Refusal::OutOfStock) => Round::Again,
        });
    }
    Err(Failure::Never(format!("all {MACHINES} machine ids are leased")))
}
