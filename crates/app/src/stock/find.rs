//! Finding units for the lines of a reservation: at the gate, or in the ledger when it cannot say.

use lmall_domain::{
    OrderId, Sku,
    limits::ALLOCATIONS_MAX,
    stock::{Allocation, Line, allocate},
};

use super::Inventory;
use crate::{failure::Failure, ports::GateAnswer};

/// Units for each line, or the first SKU that there is not enough of.
pub(super) enum Found {
    All(Vec<Vec<Allocation>>),
    NotEnough(Sku),
}

impl Inventory {
    /// Finds units for all lines or none: a line that is refused gives back those before it.
    /// With `ask_gate` false, the ledger alone is asked.
    pub(super) async fn find(
        &self,
        order_id: OrderId,
        lines: &[Line],
        ask_gate: bool,
    ) -> Result<Found, Failure> {
        let mut found = Vec::with_capacity(lines.len());
        let mut room = ALLOCATIONS_MAX;
        for line in lines {
            let allocations = self.find_line(order_id, line, ask_gate).await?;
            // More than a transaction takes is as good as not there: the buckets are too small.
            match allocations.filter(|allocations| allocations.len() <= room) {
                Some(allocations) => {
                    room -= allocations.len();
                    found.push(allocations);
                }
                None => {
                    self.give_back(order_id, lines).await;
                    return Ok(Found::NotEnough(line.sku.clone()));
                }
            }
        }
        Ok(Found::All(found))
    }

    async fn find_line(
        &self,
        order_id: OrderId,
        line: &Line,
        ask_gate: bool,
    ) -> Result<Option<Vec<Allocation>>, Failure> {
        let answer =
            if ask_gate { self.ask_gate(order_id, line).await } else { GateAnswer::Unknown };
        match answer {
            GateAnswer::Granted(allocations) => Ok(Some(allocations)),
            GateAnswer::SoldOut => Ok(None),
            GateAnswer::Unknown => {
                let buckets = self.buckets(&line.sku).await?;
                let available: Vec<_> =
                    buckets.iter().map(|(number, row)| (*number, row.value.available)).collect();
                Ok(allocate(&available, order_id, line.quantity))
            }
        }
    }

    async fn ask_gate(&self, order_id: OrderId, line: &Line) -> GateAnswer {
        match self.gate.hold(&line.sku, order_id, line.quantity).await {
            Ok(answer) => {
                if answer == GateAnswer::Unknown {
                    self.note_unknown(&line.sku);
                }
                answer
            }
            // A gate that does not answer is one that does not know: slower, still right.
            Err(error) => {
                gate_failed(&line.sku, &error);
                GateAnswer::Unknown
            }
        }
    }

    /// Cancels what the gate holds for the order. A gate that does not answer now is set right
    /// by the next check for drift.
    pub(super) async fn give_back(&self, order_id: OrderId, lines: &[Line]) {
        for line in lines {
            if let Err(error) = self.gate.cancel(&line.sku, order_id).await {
                gate_failed(&line.sku, &error);
            }
        }
    }

    /// Tells the gate that what it holds for the order is sold.
    pub(super) async fn settle(&self, order_id: OrderId, lines: &[Line]) {
        for line in lines {
            if let Err(error) = self.gate.settle(&line.sku, order_id).await {
                gate_failed(&line.sku, &error);
            }
        }
    }
}

fn gate_failed(sku: &Sku, error: &crate::ports::GateError) {
    let error = crate::failure::chain(error);
    tracing::warn!(sku = sku.as_str(), error, "the stock gate failed");
}
