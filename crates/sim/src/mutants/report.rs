//! What the trials came to, for people and for programs.

use std::io::{Write, stdout};

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::trial::{Trial, Verdict, Violation};

/// The report in JSON.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether every bug was found, and nothing where there is none.
    ok: bool,
    /// The stated maximum for each.
    seeds: u64,
    killed: usize,
    survived: usize,
    failed: usize,
    trials: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// `None` for the code as it is.
    mutant: Option<&'a str>,
    breaks: Option<&'a str>,
    what: Option<&'a str>,
    verdict: &'static str,
    violation: Option<&'a Violation>,
    error: Option<&'a str>,
    seeds_run: u64,
    millis: u64,
}

/// Prints the report; a reader that goes away early is no error.
pub(super) fn print(seeds: u64, trials: &[Trial], json: bool) -> anyhow::Result<()> {
    let text = if json { serde_json::to_string(&report(seeds, trials))? } else { table(trials) };
    let _reader_gone = writeln!(stdout().lock(), "{text}");
    Ok(())
}

fn report(seeds: u64, trials: &[Trial]) -> Report<'_> {
    let (killed, survived, failed) = count(trials);
    let trials_ok = trials.iter().all(Trial::is_good);
    Report {
        ok: trials_ok,
        seeds,
        killed,
        survived,
        failed,
        trials: trials.iter().map(line).collect(),
    }
}

fn line(trial: &Trial) -> Line<'_> {
    let mutant = trial.mutant.as_ref();
    let (verdict, violation, error) = match &trial.verdict {
        Verdict::Killed(violation) => ("killed", Some(violation), None),
        Verdict::Survived => ("survived", None, None),
        Verdict::Failed(error) => ("failed", None, Some(error.as_str())),
    };
    Line {
        mutant: mutant.map(|mutant| mutant.name.as_str()),
        breaks: mutant.map(|mutant| mutant.breaks.as_str()),
        what: mutant.map(|mutant| mutant.what.as_str()),
        verdict,
        violation,
        error,
        seeds_run: trial.seeds_run,
        millis: u64::try_from(trial.took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// How many bugs were found, how many were not, and how many runs failed.
fn count(trials: &[Trial]) -> (usize, usize, usize) {
    trials.iter().filter(|trial| trial.mutant.is_some()).fold((0, 0, 0), |sums, trial| {
        let (killed, survived, failed) = sums;
        match trial.verdict {
            Verdict::Killed(_) => (killed + 1, survived, failed),
            Verdict::Survived => (killed, survived + 1, failed),
            Verdict::Failed(_) => (killed, survived, failed + 1),
        }
    })
}

fn table(trials: &[Trial]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["mutant", "killed by", "seed", "seeds", "seconds", "what was seen"]);
    table.add_rows(trials.iter().map(row));
    let (killed, survived, failed) = count(trials);
    let mut text = table.trim_fmt();
    text.push_str(&format!("\n{killed} killed, {survived} survived, {failed} failed"));
    if trials.iter().any(|trial| trial.mutant.is_none() && !trial.is_good()) {
        text.push_str("; without a mutant it is not green, so no kill proves anything");
    }
    text
}

fn row(trial: &Trial) -> Vec<String> {
    let (by, seed, seen) = match &trial.verdict {
        Verdict::Killed(violation) => (
            violation.promise.as_str(),
            violation.seed.to_string(),
            violation.text.lines().next().unwrap_or_default(),
        ),
        Verdict::Survived if trial.mutant.is_some() => ("SURVIVED", String::new(), survivor(trial)),
        Verdict::Survived => ("nothing", String::new(), ""),
        Verdict::Failed(error) => ("FAILED", String::new(), error.as_str()),
    };
    let millis = trial.took.as_millis();
    vec![
        trial.name().to_owned(),
        by.to_owned(),
        seed,
        trial.seeds_run.to_string(),
        format!("{}.{}", millis / 1_000, millis % 1_000 / 100),
        seen.to_owned(),
    ]
}

/// What should have been seen.
fn survivor(trial: &Trial) -> &str {
    trial.mutant.as_ref().map_or("", |mutant| &mutant.what)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mutants::Mutant;

    fn trial(name: Option<&str>, verdict: Verdict) -> Trial {
        let mutant = name.map(|name| Mutant {
            name: name.to_owned(),
            breaks: "I3".to_owned(),
            what: "Money is kept.".to_owned(),
            how: "no fault".to_owned(),
            edits: Vec::new(),
        });
        Trial { mutant, verdict, seeds_run: 3, took: Duration::from_millis(1_260) }
    }

    #[test]
    fn survivors_and_kills_are_told_apart() {
        let text = "order 7: 100 kept\nand more".to_owned();
        let violation = Violation { seed: 2, promise: "I3".to_owned(), text };
        let trials = [
            trial(None, Verdict::Survived),
            trial(Some("one"), Verdict::Killed(violation.clone())),
            trial(Some("two"), Verdict::Survived),
            trial(Some("three"), Verdict::Failed("exit status: 101".to_owned())),
        ];
        let rows: Vec<_> = trials.iter().map(|trial| row(trial).join("|")).collect();
        assert_eq!(
            rows,
            [
                "(no mutant)|nothing||3|1.2|",
                "one|I3|2|3|1.2|order 7: 100 kept",
                "two|SURVIVED||3|1.2|Money is kept.",
                "three|FAILED||3|1.2|exit status: 101",
            ]
        );
        assert!(table(&trials).ends_with("\n1 killed, 1 survived, 1 failed"));
        assert!(table(&[trial(None, Verdict::Killed(violation))]).contains("not green"));
        let report = serde_json::to_value(report(100, &trials)).unwrap();
        assert_eq!(report["ok"], false);
        assert_eq!(report["trials"][1]["violation"]["seed"], 2);
        assert_eq!(report["trials"][2]["verdict"], "survived");
    }
}
