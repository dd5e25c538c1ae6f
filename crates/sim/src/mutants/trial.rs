//! Trying the bugs: several at a time, each by a run of the program that has it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{SWITCH, table::Mutant};

/// A run that takes longer hangs: a bug may make the simulation run in a circle.
const RUN_MAX: Duration = Duration::from_secs(1_800);

/// How often a run is looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What a run of the simulation came to.
#[derive(Debug, Clone, Deserialize)]
pub struct Found {
    /// Seeds that were run, the one that broke a promise included.
    pub seeds_run: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The seed whose run broke it.
    pub seed: u64,
    /// Which.
    pub promise: String,
    /// How.
    pub text: String,
}

/// What runs the simulation.
pub trait Runner: Sync {
    /// Runs it with the bug of this name, or with none.
    ///
    /// # Errors
    /// When it did not come to an end, or to none that can be understood.
    fn run(&self, mutant: Option<&str>) -> anyhow::Result<Found>;
}

impl<F: Fn(Option<&str>) -> anyhow::Result<Found> + Sync> Runner for F {
    fn run(&self, mutant: Option<&str>) -> anyhow::Result<Found> {
        self(mutant)
    }
}

/// What came of a bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A promise was broken.
    Killed(Violation),
    /// None was.
    Survived,
    /// The run itself failed.
    Failed(String),
}

/// A bug and what came of it; the code as it is, and what came of that.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The bug; `None` for none.
    pub mutant: Option<Mutant>,
    /// What came of it.
    pub verdict: Verdict,
    /// Seeds that were run.
    pub seeds_run: u64,
    /// How long that took.
    pub took: Duration,
}

impl Trial {
    /// The bug's name, or that there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.mutant.as_ref().map_or("(no mutant)", |mutant| &mutant.name)
    }

    /// Whether a bug was found, or nothing where there is none.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self.verdict {
            Verdict::Killed(_) => self.mutant.is_some(),
            Verdict::Survived => self.mutant.is_none(),
            Verdict::Failed(_) => false,
        }
    }
}

/// Tries no bug and then each, `threads` at a time, and tells `done` of each trial that ends.
/// Gives the trials in the order of the bugs.
pub fn try_all(
    mutants: &[&Mutant],
    threads: usize,
    runner: &dyn Runner,
    done: &(dyn Fn(&Trial) + Sync),
) -> Vec<Trial> {
    let jobs: Vec<Option<&Mutant>> =
        std::iter::once(None).chain(mutants.iter().copied().map(Some)).collect();
    let next = AtomicUsize::new(0);
    let trials = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mutant) = jobs.get(place) else { break };
                    let trial = attempt(*mutant, runner);
                    done(&trial);
                    trials.lock().push((place, trial));
                }
            });
        }
    });
    let mut trials = trials.into_inner();
    trials.sort_by_key(|(place, _)| *place);
    trials.into_iter().map(|(_, trial)| trial).collect()
}

fn attempt(mutant: Option<&Mutant>, runner: &dyn Runner) -> Trial {
    let began = Instant::now();
    let found = runner.run(mutant.map(|mutant| mutant.name.as_str()));
    let (verdict, seeds_run) = match found {
        Ok(Found { seeds_run, violation: Some(violation) }) => {
            (Verdict::Killed(violation), seeds_run)
        }
        Ok(Found { seeds_run, violation: None }) => (Verdict::Survived, seeds_run),
        Err(error) => (Verdict::Failed(format!("{error:#}")), 0),
    };
    Trial { mutant: mutant.cloned(), verdict, seeds_run, took: began.elapsed() }
}

/// The program that was built with all bugs.
pub(super) struct Program {
    path: PathBuf,
    /// Where what it says is kept.
    runs: PathBuf,
    seeds: u64,
}

impl Program {
    pub(super) fn new(path: PathBuf, runs: PathBuf, seeds: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(&runs).with_context(|| format!("{} cannot be made", runs.display()))?;
        Ok(Self { path, runs, seeds })
    }
}

impl Runner for Program {
    fn run(&self, mutant: Option<&str>) -> anyhow::Result<Found> {
        // Into files: a pipe that nobody empties would stop the program.
        let file =
            |extension| self.runs.join(format!("{}.{extension}", mutant.unwrap_or("no-mutant")));
        let mut command = Command::new(&self.path);
        command
            .args(["--seeds", &format!("0..{}", self.seeds), "--until-violation", "--json"])
            // The trials share the processors, and the lowest seed is to be found first.
            .args(["--threads", "1"])
            .stdout(File::create(file("json"))?)
            .stderr(File::create(file("log"))?)
            .env_remove(SWITCH)
            .envs(mutant.map(|name| (SWITCH, name)));
        let status = wait(command)?;
        let said = fs::read_to_string(file("json"))?;
        let complaint = fs::read_to_string(file("log"))?;
        understand(status, &said).with_context(|| match complaint.trim().lines().last() {
            Some(last) => format!("{status}: {last}"),
            None => status.to_string(),
        })
    }
}

fn wait(mut command: Command) -> anyhow::Result<ExitStatus> {
    let mut child = command.spawn().context("the simulation does not start")?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if began.elapsed() > RUN_MAX {
            child.kill()?;
            child.wait()?;
            bail!("it hangs: killed after {} s", RUN_MAX.as_secs());
        }
        thread::sleep(LOOK_PAUSE);
    }
}

/// 0 says that nothing was found, 1 that something was: and so must the report.
fn understand(status: ExitStatus, said: &str) -> anyhow::Result<Found> {
    let code = status.code().filter(|code| [0, 1].contains(code));
    let Some(code) = code else { bail!("the simulation failed") };
    let found: Found = serde_json::from_str(said).context("its report is not one")?;
    if found.violation.is_some() != (code == 1) {
        bail!("its report says something else than its exit code");
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
