//! The trials, with a simulation that is none.

use super::*;

fn mutant(name: &str) -> Mutant {
    let text = || "text".to_owned();
    Mutant { name: name.to_owned(), breaks: text(), what: text(), how: text(), edits: Vec::new() }
}

fn violation(seed: u64) -> Violation {
    Violation { seed, promise: "I3".to_owned(), text: "money is kept".to_owned() }
}

/// Finds what is named `found`, fails with what is named `broken`, and nothing else.
fn fake(mutant: Option<&str>) -> anyhow::Result<Found> {
    match mutant {
        Some(name) if name.starts_with("found") => {
            Ok(Found { seeds_run: 8, violation: Some(violation(7)) })
        }
        Some(name) if name.starts_with("broken") => bail!("no such thing"),
        Some(_) | None => Ok(Found { seeds_run: 100, violation: None }),
    }
}

#[test]
fn every_bug_is_tried_once_and_none_first() {
    let mutants: Vec<_> =
        (0..20).map(|n| mutant(&format!("{}-{n}", ["found", "hidden"][n % 2]))).collect();
    let mutants: Vec<_> = mutants.iter().collect();
    for threads in [0, 1, 3, 100] {
        let told = AtomicUsize::new(0);
        let trials = try_all(&mutants, threads, &fake, &|_| {
            told.fetch_add(1, Ordering::Relaxed);
        });
        let names: Vec<_> = trials.iter().map(Trial::name).collect();
        let expected = std::iter::once("(no mutant)");
        let expected: Vec<_> =
            expected.chain(mutants.iter().map(|mutant| mutant.name.as_str())).collect();
        assert_eq!(names, expected);
        assert_eq!(told.into_inner(), 21);
    }
}

#[test]
fn a_bug_must_be_found_and_the_code_as_it_is_must_not() {
    let names = ["found", "hidden", "broken"].map(mutant);
    let names: Vec<_> = names.iter().collect();
    let trials = try_all(&names, 2, &fake, &|_| {});
    let good: Vec<_> = trials.iter().map(Trial::is_good).collect();
    assert_eq!(good, [true, true, false, false]);
    assert_eq!(trials[1].verdict, Verdict::Killed(violation(7)));
    assert_eq!(trials[1].seeds_run, 8);
    assert_eq!(trials[3].verdict, Verdict::Failed("no such thing".to_owned()));
    let everywhere = |_: Option<&str>| Ok(Found { seeds_run: 1, violation: Some(violation(0)) });
    assert!(!try_all(&[], 1, &everywhere, &|_| {})[0].is_good());
}

#[cfg(unix)]
#[test]
fn a_report_counts_only_with_its_exit_code() {
    use std::os::unix::process::ExitStatusExt;
    let nothing = r#"{"seeds_run": 5, "violation": null, "steps": 12}"#;
    let something =
        r#"{"seeds_run": 5, "violation": {"seed": 4, "promise": "I3", "text": "t", "more": 1}}"#;
    for (code, said, right) in [
        (0, nothing, true),
        (1, something, true),
        (0, something, false),
        (1, nothing, false),
        (2, nothing, false),
        (101, something, false),
        (1, "", false),
    ] {
        let status = ExitStatus::from_raw(code << 8);
        assert_eq!(understand(status, said).is_ok(), right, "{code} {said}");
    }
}
