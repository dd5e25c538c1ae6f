use super::*;

fn holds(limits: Limits) -> Checked {
    let checked = check(limits, 2, |_| {});
    assert_eq!(checked.counterexample, None, "{limits:?}");
    assert!(checked.properties.iter().all(|(_, holds)| *holds), "{:?}", checked.properties);
    checked
}

#[test]
fn every_small_run_keeps_the_invariants_and_can_end() {
    let checked = holds(Limits::small());
    assert!(checked.unique_states > 10_000, "{}", checked.unique_states);
}

#[test]
fn threads_and_repetitions_do_not_change_what_is_explored() {
    let limits = Limits { crashes: 0, reorderings: 0, ..Limits::small() };
    let count = |threads| check(limits, threads, |_| {}).unique_states;
    assert_eq!(count(1), count(2));
    let once = check(Limits { duplicates: 0, ..limits }, 2, |_| {});
    assert_eq!(once.unique_states, count(2), "a dedupe row makes a repetition nothing");
}

#[test]
fn each_flaw_breaks_a_property() {
    let i2 = "I2 every order can still end";
    for (flaw, broken) in [
        (Flaw::NoDedupeRow, "I3 at rest the money is right"),
        (Flaw::AckBeforeCommit, i2),
        (Flaw::NoSweeper, i2),
        (Flaw::NoCancelScheduler, i2),
        (Flaw::CancelKeepsStock, "I1 the ledger adds up and agrees with the reservations"),
        (Flaw::CancelUnanswered, i2),
        (Flaw::GateTrusted, "I1 the ledger adds up and agrees with the reservations"),
        (Flaw::RefundsWithoutKey, "I3 no more is given back than came, and nothing twice"),
    ] {
        let orders = if flaw == Flaw::GateTrusted { 2 } else { 1 };
        let checked = check_flawed(Limits { orders, ..Limits::small() }, flaw, 1);
        let holds = |name| checked.properties.iter().any(|(other, holds)| *other == name && *holds);
        assert!(!holds(broken), "{flaw:?}: {:?}", checked.properties);
        let way = checked.counterexample.expect("a property that fails comes with a way to it");
        assert!(way.contains("order 1: Place"), "{way}");
    }
}
