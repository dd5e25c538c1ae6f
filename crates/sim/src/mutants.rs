//! Deliberate bugs: the simulation is good for something if it finds each of them.
//!
//! The bugs are patches in `mutants.toml`. They are applied to a copy of the workspace, each
//! behind a switch that is thrown when the program runs, so one build has them all and the
//! product's own code has none. Then the copy's simulation runs once with no bug, which must
//! find nothing, and once with each, which must find it.
//!
//! To add one:
//! 1. Write down which promise it breaks, and which faults show that; if there is no answer, it
//!    is no bug.
//! 2. Add it to `mutants.toml`, with short `find` texts that stand in their files once.
//! 3. `lmall-sim mutants --only <name>` builds the copy and runs it.

mod build;
mod report;
mod table;
mod trial;
mod workspace;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

pub use table::{Edit, Mutant, Table};
pub use trial::{Found, Runner, Trial, Verdict, Violation, try_all};

/// The environment variable that names the bug which is switched on.
const SWITCH: &str = "LMALL_SIM_MUTANT";

/// What to try.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Seeds to run for each bug, from 0 on, before it counts as survived.
    pub seeds: u64,
    /// Only the bugs of these names; all when empty.
    pub only: Vec<String>,
    /// Report in JSON.
    pub json: bool,
    /// Runs at the same time; as many as there are processors by default.
    pub threads: Option<NonZeroUsize>,
}

/// Builds the copy, tries the bugs and reports. `true` when each was found, and nothing was
/// found without one.
///
/// # Errors
/// When a bug's patch does not fit its file any more, the name of a bug is unknown, or the copy
/// cannot be written or built.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let table = Table::committed()?;
    let chosen = table.chosen(&options.only)?;
    let root = root()?;
    let folder = root.join("target/mutants");
    let copy = folder.join("src");
    workspace::write(&root, &copy, &table)?;
    let program = build::build(&copy, &folder.join("target"))?;
    let runner = trial::Program::new(program, folder.join("runs"), options.seeds)?;
    let threads = options.threads.map_or_else(processors, NonZeroUsize::get);
    let bar = bar(chosen.len() + 1);
    let trials = try_all(&chosen, threads, &runner, &|trial| {
        bar.set_message(trial.name().to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    report::print(options.seeds, &trials, options.json)?;
    Ok(trials.iter().all(Trial::is_good))
}

/// The folder of the workspace that this program was built from.
///
/// # Errors
/// When it is not there any more.
pub fn root() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().with_context(|| format!("the workspace {} is gone", root.display()))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Progress, where there is a terminal to show it.
fn bar(trials: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(trials).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} mutants, {elapsed}: {msg}")
        .expect("a fixed template");
    bar.set_style(style);
    bar
}
