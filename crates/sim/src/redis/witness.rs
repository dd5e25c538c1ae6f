//! A naive model of what a SKU's gate promises, kept beside the gate's own code. It lies in the
//! same keys, so it is lost and rolled back with them.

use std::collections::BTreeSet;

use lmall_app::ports::GateAnswer;
use lmall_domain::OrderId;

/// What the gate of a SKU has been told.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    epoch: u64,
    is_open: bool,
    /// While it was closed, something happened that the ledger may have had, or not.
    has_moved: bool,
    holders: BTreeSet<OrderId>,
}

impl Witness {
    pub(super) fn closed(epoch: u64) -> Self {
        Self { epoch, is_open: false, has_moved: false, holders: BTreeSet::new() }
    }

    /// What is wrong with the answer to a hold.
    pub(super) fn hold(&mut self, order_id: OrderId, answer: &GateAnswer) -> Option<&'static str> {
        match answer {
            GateAnswer::Unknown => self.is_open.then_some("it is open, and does not know"),
            _ if !self.is_open => Some("it answers, and is closed"),
            GateAnswer::Granted(_) => {
                self.holders.insert(order_id);
                None
            }
            GateAnswer::SoldOut => {
                let holds = self.holders.contains(&order_id);
                holds.then_some("it turns an order away that holds units")
            }
        }
    }

    /// A hold has ended, or units were added.
    pub(super) fn moved(&mut self, ended: Option<OrderId>) {
        self.has_moved |= !self.is_open;
        if let Some(order_id) = ended {
            self.holders.remove(&order_id);
        }
    }

    /// What is wrong with the answer to an attempt to open it.
    pub(super) fn open(
        &mut self,
        epoch: u64,
        holders: BTreeSet<OrderId>,
        answer: bool,
    ) -> Option<&'static str> {
        let may = epoch == self.epoch && !self.has_moved;
        if answer && !self.is_open {
            self.is_open = true;
            self.holders = holders;
        }
        match (may, answer) {
            (false, true) => Some("it opens with what may be out of date"),
            (true, false) => Some("it does not open, for no reason"),
            (true, true) | (false, false) => None,
        }
    }
}
