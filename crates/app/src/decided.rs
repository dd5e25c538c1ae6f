//! Decisions that can be watched: each names its cell of a state table.
//!
//! Every decision of a state machine is one event of `tracing` at level DEBUG, with the target
//! [`TARGET`] and these fields, whose names and values are stable:
//!
//! | field | what |
//! |---|---|
//! | `machine` | a [`Machine::name`] |
//! | `order.id` | the order |
//! | `state` | where it stood, one of [`Machine::states`] |
//! | `input` | what happened to it, one of [`Machine::inputs`] |
//! | `now` | the time by which it was decided |
//! | `outcome` | `ignored`, `changed`, or the text of the rejection |
//! | `event` | the type of the event that the others hear, empty if none |
//!
//! A decision is not yet a transaction: one whose commit is refused is made, and shown, again.
//! While nobody watches, a decision costs one look at the callsite more and names nothing.

/// Names in the order of their declaration. A name that no classification gives is a variant
/// that is never made, which the compiler reports.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        enum $name {
            $($variant,)*
        }

        impl $name {
            const NAMES: &'static [&'static str] = &[$($text),*];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

mod order;
mod payment;
mod reservation;
#[cfg(test)]
mod tests;

use lmall_domain::{OrderId, Timestamp, event::Event};

pub use order::ORDER;
pub use payment::PAYMENT;
pub use reservation::RESERVATION;

/// The target of the events.
pub const TARGET: &str = "lmall::decide";

/// A state machine, and the names of the rows and columns of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: &'static str,
    /// Every state.
    pub states: &'static [&'static str],
    /// Every input.
    pub inputs: &'static [&'static str],
}

/// All of them.
pub const MACHINES: [Machine; 3] = [ORDER, RESERVATION, PAYMENT];

/// Where in a machine's table a decision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    machine: &'static str,
    state: &'static str,
    input: &'static str,
}

/// What came of a decision.
pub(crate) enum Outcome<'a> {
    Ignored,
    Changed(Option<&'a Event>),
    Rejected(String),
}

/// Whether anybody watches.
pub(crate) fn is_watched() -> bool {
    tracing::event_enabled!(target: TARGET, tracing::Level::DEBUG)
}

impl Cell {
    /// Shows the decision.
    pub(crate) fn show(self, order_id: OrderId, now: Timestamp, outcome: &Outcome<'_>) {
        let Self { machine, state, input } = self;
        let (outcome, event) = match outcome {
            Outcome::Ignored => ("ignored", ""),
            Outcome::Changed(event) => {
                ("changed", event.map_or("", |event| event.event_type().name()))
            }
            Outcome::Rejected(rejection) => (rejection.as_str(), ""),
        };
        tracing::debug!(
            target: TARGET,
            machine,
            order.id = %order_id,
            state,
            input,
            now = %now,
            outcome,
            event,
            "decided"
        );
    }
}
