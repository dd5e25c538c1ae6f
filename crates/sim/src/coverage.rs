//! What a run has reached: each cell of each state table, and each fault.

use std::{
    fmt::{self, Debug, Display, Write},
    sync::Arc,
};

use lmall_app::decided::{MACHINES, TARGET};
use parking_lot::Mutex;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{
    kernel::{Fault, Kernel},
    unreachable,
};

/// How often each cell was decided on, and each fault struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// By machine, state and input.
    cells: Vec<Vec<Vec<u64>>>,
    /// By [`Fault::index`].
    strikes: Vec<u64>,
}

/// A cell of a state table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// `order`, `reservation` or `payment`.
    pub machine: &'static str,
    /// The row.
    pub state: &'static str,
    /// The column.
    pub input: &'static str,
    /// How often it was decided on.
    pub count: u64,
}

impl Cell {
    /// Why it cannot be reached; `None` for one that can.
    #[must_use]
    pub fn unreachable(&self) -> Option<&'static str> {
        unreachable::why(self.machine, self.state, self.input)
    }
}

impl Default for Coverage {
    fn default() -> Self {
        let cells = MACHINES
            .iter()
            .map(|machine| vec![vec![0; machine.inputs.len()]; machine.states.len()])
            .collect();
        Self { cells, strikes: vec![0; Fault::ALL.len()] }
    }
}

impl Coverage {
    /// Adds what another run has reached.
    pub fn add(&mut self, other: &Self) {
        for (machine, its) in self.cells.iter_mut().zip(&other.cells) {
            for (row, its) in machine.iter_mut().zip(its) {
                row.iter_mut().zip(its).for_each(|(count, its)| *count += its);
            }
        }
        self.strikes.iter_mut().zip(&other.strikes).for_each(|(count, its)| *count += its);
    }

    /// Adds faults that struck.
    pub fn add_strikes(&mut self, strikes: &[u64]) {
        self.strikes.iter_mut().zip(strikes).for_each(|(count, its)| *count += its);
    }

    /// Every cell of every table.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        MACHINES.iter().zip(&self.cells).flat_map(|(machine, rows)| {
            machine.states.iter().zip(rows).flat_map(move |(state, row)| {
                machine.inputs.iter().zip(row).map(move |(input, count)| Cell {
                    machine: machine.name,
                    state,
                    input,
                    count: *count,
                })
            })
        })
    }

    /// Every fault, and how often it struck.
    pub fn faults(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.iter().copied().zip(self.strikes.iter().copied())
    }

    /// The cells that were reached although they are held to be unreachable.
    pub fn impossible(&self) -> impl Iterator<Item = Cell> + '_ {
        self.cells().filter(|cell| cell.count > 0 && cell.unreachable().is_some())
    }

    fn decided(&mut self, machine: &str, state: &str, input: &str) {
        for (known, rows) in MACHINES.iter().zip(&mut self.cells) {
            let row = known.states.iter().position(|name| *name == state);
            let column = known.inputs.iter().position(|name| *name == input);
            if let (true, Some(row), Some(column)) = (known.name == machine, row, column) {
                rows[row][column] += 1;
            }
        }
    }
}

/// Hears what the shop decides, and with a timeline what it warns of. One a thread.
#[derive(Clone, Default)]
pub struct Observer(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    coverage: Coverage,
    timeline: Option<Kernel>,
}

impl Observer {
    /// Listens while `run` runs; gives what was reached.
    pub fn listen<T>(&self, kernel: &Kernel, run: impl FnOnce() -> T) -> (T, Coverage) {
        self.0.lock().timeline = kernel.is_traced().then(|| kernel.clone());
        let done = run();
        let mut heard = self.0.lock();
        heard.timeline = None;
        (done, std::mem::take(&mut heard.coverage))
    }

    /// Makes this thread's events heard here, for as long as `work` works.
    pub fn attach<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&Dispatch::new(self.clone()), work)
    }
}

impl Subscriber for Observer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
            || (*metadata.level() <= Level::WARN && metadata.target().starts_with("lmall"))
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut heard = self.0.lock();
        let timeline = heard.timeline.clone();
        if event.metadata().target() != TARGET {
            drop(heard);
            if let Some(kernel) = timeline {
                let mut line = Line::default();
                event.record(&mut line);
                kernel.note_here(|| line.0);
            }
            return;
        }
        let mut decision = Decision::default();
        event.record(&mut decision);
        heard.coverage.decided(&decision.machine, &decision.state, &decision.input);
        drop(heard);
        if let Some(kernel) = timeline {
            kernel.note_here(|| decision.to_string());
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A decision: its cell, and what came of it.
#[derive(Default)]
struct Decision {
    machine: String,
    order: String,
    state: String,
    input: String,
    outcome: String,
    event: String,
}

impl Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, order, state, input, outcome, event } = self;
        write!(f, "decides {machine} {order}: {state} + {input}: {outcome} {event}")
    }
}

impl Visit for Decision {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "machine" => self.machine.push_str(value),
            "state" => self.state.push_str(value),
            "input" => self.input.push_str(value),
            "outcome" => self.outcome.push_str(value),
            "event" => self.event.push_str(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "order.id" {
            self.order = format!("{value:?}");
        }
    }
}

/// An event as a line of the timeline.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("a string takes everything");
    }
}
