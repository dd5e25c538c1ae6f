//! The table of deliberate bugs, against the code of today.

use lmall_sim::mutants::{Table, root};

/// How many the simulation is promised to find, at least.
const PROMISED: usize = 36;

#[test]
fn every_patch_fits_the_code_of_today() {
    let table = Table::committed().expect("a table with unique names");
    assert!(table.mutants.len() >= PROMISED, "{} mutants", table.mutants.len());
    let patched = table.patched(&root().expect("the workspace")).expect("patches that fit");
    for (file, text) in patched {
        assert!(file.ends_with(".rs") && !text.contains("MUTANT"), "{file}");
    }
}

#[test]
fn every_mutant_says_what_it_breaks_and_how_that_shows() {
    for mutant in Table::committed().expect("a table with unique names").mutants {
        let promises = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "gate"];
        assert!(promises.contains(&mutant.breaks.as_str()), "{}", mutant.name);
        assert!(mutant.what.ends_with('.') && mutant.how.ends_with('.'), "{}", mutant.name);
    }
}
