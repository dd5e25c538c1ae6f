//! Redis as the stock gate: scripts on the keys of a SKU, and how they get lost.
//!
//! All that a SKU has are two keys that share a hash tag: its epoch and its gate. Each script is
//! one method here; it is atomic, and its keys are those of one SKU.
//!
//! # Epochs
//!
//! An epoch must differ from every earlier one of its SKU: an `open` that was on its way while
//! Redis forgot the SKU must not open what somebody else has closed since. The key alone does not
//! guarantee it, because it is lost with the rest: a counter begins at 1 again after a flush, and
//! goes back with a fail-over. The clock alone does not either: it may be set back. So an epoch is
//!
//! ```text
//! max(epoch key + 1, TIME in microseconds)
//! ```
//!
//! and whatever speaks to a real Redis must do the same: take it from `TIME` in the script that
//! closes the SKU. It stays below 2^53, so Lua can count with it, but it has to be made text
//! with `string.format('%.0f', …)`: `tostring` rounds it to 14 digits.
//!
//! What remains is a clock that is set back while the key is lost, and then shows the very same
//! microsecond at the next `close`. The clock of this model is not set back.

#[cfg(test)]
mod tests;
mod witness;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use lmall_app::{
    gate::SkuGate,
    ports::{GateAnswer, GateSnapshot},
};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use parking_lot::Mutex;

use self::witness::Witness;

/// How many writes a replica may lack at most.
pub const HISTORY: usize = 20;

/// The keys of one SKU.
#[derive(Debug, Clone)]
struct Keys {
    epoch: u64,
    gate: SkuGate,
    witness: Witness,
}

/// All keys. Those of a SKU are shared with the states before, until a script changes them.
type Keyspace = BTreeMap<Sku, Arc<Keys>>;

/// The keys, and what they were some writes ago. It begins empty.
#[derive(Debug, Clone, Default)]
pub struct Redis {
    keys: Keyspace,
    /// The states before the last writes, the oldest first.
    before: VecDeque<Keyspace>,
    /// What `TIME` said last. No key: it outlives them.
    clock: u64,
    /// The first promise of a gate that was broken.
    broken: Option<String>,
}

impl Redis {
    /// Holds `quantity` units for the order: see [`SkuGate::hold`].
    pub fn hold(&mut self, sku: &Sku, order_id: OrderId, quantity: u32) -> GateAnswer {
        let answer = self.write(sku, |keys| {
            let answer = keys.gate.hold(order_id, quantity);
            let wrong = keys.witness.hold(order_id, &answer);
            (answer, wrong)
        });
        let (answer, wrong) = answer.unwrap_or((GateAnswer::Unknown, None));
        self.judge(sku, wrong);
        answer
    }

    /// Forgets what the order holds: see [`SkuGate::settle`].
    pub fn settle(&mut self, sku: &Sku, order_id: OrderId) {
        self.write(sku, |keys| {
            keys.gate.settle(order_id);
            keys.witness.moved(Some(order_id));
        });
    }

    /// Puts back what the order holds: see [`SkuGate::cancel`].
    pub fn cancel(&mut self, sku: &Sku, order_id: OrderId) {
        self.write(sku, |keys| {
            keys.gate.cancel(order_id);
            keys.witness.moved(Some(order_id));
        });
    }

    /// Adds `units` to the bucket: see [`SkuGate::credit`].
    pub fn credit(&mut self, sku: &Sku, bucket: u8, units: i64) {
        self.write(sku, |keys| {
            keys.gate.credit(bucket, units);
            keys.witness.moved(None);
        });
    }

    /// Begins a new epoch of the SKU, unlike every earlier one. `now` is in microseconds.
    pub fn close(&mut self, sku: &Sku, now: u64) -> u64 {
        let time = self.time(now);
        let epoch = self.keys.get(sku).map_or(time, |keys| time.max(keys.epoch + 1));
        self.remember();
        let (gate, witness) = (SkuGate::closed(epoch), Witness::closed(epoch));
        let keys = Keys { epoch, gate, witness };
        self.keys.insert(sku.clone(), Arc::new(keys));
        epoch
    }

    /// Opens the SKU with what the ledger has: see [`SkuGate::open`].
    pub fn open(
        &mut self,
        sku: &Sku,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> bool {
        let holders: BTreeSet<_> = holds.iter().map(|(order_id, _)| *order_id).collect();
        let answer = self.write(sku, |keys| {
            let answer = keys.gate.open(epoch, buckets, holds);
            let wrong = keys.witness.open(epoch, holders, answer);
            (answer, wrong)
        });
        let (answer, wrong) = answer.unwrap_or((false, None));
        self.judge(sku, wrong);
        answer
    }

    /// What the gate thinks of the SKU; `None` while it is unknown.
    #[must_use]
    pub fn snapshot(&self, sku: &Sku) -> Option<GateSnapshot> {
        self.keys.get(sku).and_then(|keys| keys.gate.snapshot())
    }

    /// The same, from a replica that lacks the last `writes`, as far as they are remembered.
    #[must_use]
    pub fn stale_snapshot(&self, sku: &Sku, writes: usize) -> Option<GateSnapshot> {
        self.states_ago(writes).get(sku).and_then(|keys| keys.gate.snapshot())
    }

    /// Everything is gone. It is a write like others: a replica may lack it.
    pub fn flush(&mut self) {
        self.remember();
        self.keys.clear();
    }

    /// A replica takes over that lacks the last `writes`, at most [`HISTORY`]. An epoch key goes
    /// back as well.
    ///
    /// What was closed before the writes that are lost can still be opened with its epoch, also
    /// if one of them would have forbidden it: then the gate drifts from the ledger, as it does
    /// from any lost write.
    pub fn fail_over(&mut self, writes: usize) {
        let kept = self.before.len().saturating_sub(writes);
        self.keys = self.states_ago(writes).clone();
        self.before.truncate(kept);
    }

    fn states_ago(&self, writes: usize) -> &Keyspace {
        let index = self.before.len().saturating_sub(writes);
        self.before.get(index).unwrap_or(&self.keys)
    }

    /// A script on the gate of a SKU; `None` where there is none. It counts as a write whether
    /// it changes anything or not.
    fn write<T>(&mut self, sku: &Sku, script: impl FnOnce(&mut Keys) -> T) -> Option<T> {
        if !self.keys.contains_key(sku) {
            return None;
        }
        self.remember();
        self.keys.get_mut(sku).map(|keys| script(Arc::make_mut(keys)))
    }

    fn judge(&mut self, sku: &Sku, wrong: Option<&str>) {
        if let Some(wrong) = wrong {
            self.broken.get_or_insert_with(|| format!("the gate of {sku}: {wrong}"));
        }
    }

    /// The first promise of a gate that was broken, to be told once.
    pub fn take_broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    fn remember(&mut self) {
        if self.before.len() == HISTORY {
            self.before.pop_front();
        }
        self.before.push_back(self.keys.clone());
    }

    /// What `TIME` says. No two scripts run within one microsecond, even where the simulated
    /// time stands still between them.
    fn time(&mut self, now: u64) -> u64 {
        self.clock = now.max(self.clock + 1);
        self.clock
    }
}

/// The Redis of a seed, as everybody sees it.
#[derive(Debug, Default)]
pub struct SharedRedis(Mutex<Redis>);

impl SharedRedis {
    /// Runs a script, or something worse.
    pub fn with<T>(&self, script: impl FnOnce(&mut Redis) -> T) -> T {
        script(&mut self.0.lock())
    }

    /// What the gate thinks of the SKU, for auditors: no fault strikes here.
    #[must_use]
    pub fn snapshot(&self, sku: &Sku) -> Option<GateSnapshot> {
        self.0.lock().snapshot(sku)
    }
}
