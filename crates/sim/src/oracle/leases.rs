//! I2's other half: no order has the id of another, since nobody makes ids under a lease that is
//! somebody else's.

use std::collections::BTreeMap;

use lmall_domain::{OrderId, Timestamp};
use serde::Deserialize;

use super::{Broken, after, before, broken};
use crate::{aws::dynamo::Change, kernel::ProcessId};

/// The partition of the leases of machine ids.
pub(super) const LEASES: &str = "lease";

/// 2026-01-01T00:00:00Z: the milliseconds in an id count from here.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// Who holds each machine id, and since when.
#[derive(Default)]
pub(super) struct Leases(BTreeMap<u64, (ProcessId, Timestamp)>);

#[derive(Deserialize)]
struct Lease {
    taken_at: Timestamp,
}

impl Leases {
    pub(super) fn changed(&mut self, by: ProcessId, change: &Change) -> Result<(), Broken> {
        let (then, now) = (before::<Lease>(change)?, after::<Lease>(change)?);
        let machine = change.key.sort.parse().unwrap_or(u64::MAX);
        match now {
            Some(now) if then.is_none_or(|then| then.taken_at != now.taken_at) => {
                self.0.insert(machine, (by, now.taken_at));
                Ok(())
            }
            Some(_) => Ok(()),
            None => broken("I2", format!("the lease of machine id {machine} was deleted")),
        }
    }

    /// A new order's id was made by whoever held its machine id at its time.
    pub(super) fn id_is_its_own(&self, by: ProcessId, change: &Change) -> Result<(), Broken> {
        let id: Option<OrderId> = change.key.partition.parse().ok();
        let Some(id) = id.filter(|_| change.before.is_none()) else { return Ok(()) };
        // 41 bits of milliseconds, 9 of the machine id, 13 that count.
        let (millis, machine) = (id.get() >> 22, id.get() >> 13 & 0x1ff);
        let made_at = Timestamp::from_millis(EPOCH_MS.saturating_add_unsigned(millis));
        match self.0.get(&machine) {
            None => broken("I2", format!("order {id} has an id that nobody may make")),
            Some((holder, since)) if *holder != by && made_at >= *since => {
                broken("I2", format!("order {id} has an id that somebody else may make"))
            }
            Some(_) => Ok(()),
        }
    }
}
