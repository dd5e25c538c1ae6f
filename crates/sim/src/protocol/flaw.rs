//! Mistakes that a service could make around a right decision.

/// A mistake in the wiring, made on purpose: it shows that the check would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Consumers do not write down what they have handled.
    NoDedupeRow,
    /// Messages are acknowledged before their effect is committed.
    AckBeforeCommit,
    /// Nothing looks for outbox rows that were left behind.
    NoSweeper,
    /// Nothing cancels orders that are not paid in time.
    NoCancelScheduler,
    /// Inventory answers a cancellation and does not move the ledger.
    CancelKeepsStock,
    /// Inventory does not answer a cancellation.
    CancelUnanswered,
    /// The ledger takes what the gate grants, without its own condition.
    GateTrusted,
    /// Each request for a refund has a new idempotency key.
    RefundsWithoutKey,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoDedupeRow,
        Self::AckBeforeCommit,
        Self::NoSweeper,
        Self::NoCancelScheduler,
        Self::CancelKeepsStock,
        Self::CancelUnanswered,
        Self::GateTrusted,
        Self::RefundsWithoutKey,
    ];
}
