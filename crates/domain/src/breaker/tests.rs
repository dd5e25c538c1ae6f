use std::time::Duration;

use super::*;

const SETTINGS: Settings = Settings {
    window: Duration::from_secs(10),
    volume_min: 4,
    failures_percent: 50,
    open_for: Duration::from_secs(5),
    probes: 2,
};

const EPOCH: u64 = 7;

/// Every row is looked at at this time.
const NOW: Duration = Duration::from_secs(100);

fn window(answered: u32, unanswered: u32) -> State {
    let mut window = Window { latest: 100, ..Window::EMPTY };
    window.slots[0] = Counts { answered, unanswered };
    State::Closed(window)
}

fn open(until_s: u64) -> State {
    State::Open { until: Duration::from_secs(until_s) }
}

fn half(under_way: u32, answered: u32) -> State {
    State::HalfOpen { under_way, answered }
}

/// What may be asked or heard in a state.
#[derive(Debug, Clone, Copy)]
enum Input {
    Ask,
    Hear(Outcome),
    /// Of a request that was let through in an earlier state.
    HearLate(Outcome),
}

/// The state after the input; whether its epoch is a new one; and what was said.
fn step(state: State, input: Input) -> (State, bool, &'static str) {
    let breaker = Breaker { state, epoch: EPOCH };
    let (next, said) = match input {
        Input::Ask => match breaker.admit(&SETTINGS, NOW) {
            (next, Admission::Pass(pass)) => {
                assert_eq!(pass.epoch, next.epoch, "a pass is of the state that gave it");
                (next, "pass")
            }
            (next, Admission::Refused(_)) => (next, "refused"),
        },
        Input::Hear(outcome) => {
            (breaker.settle(&SETTINGS, Pass { epoch: EPOCH }, outcome, NOW), "")
        }
        Input::HearLate(outcome) => {
            (breaker.settle(&SETTINGS, Pass { epoch: EPOCH - 1 }, outcome, NOW), "")
        }
    };
    assert!(next.epoch == EPOCH || next.epoch == EPOCH + 1);
    (next.state, next.epoch > EPOCH, said)
}

#[test]
fn each_state_does_with_each_input_what_the_table_says() {
    let (calm, shaky) = (window(1, 1), window(2, 1));
    let (closed, opened) = (State::Closed(Window::EMPTY), open(105));
    let outcomes = [Outcome::Answered, Outcome::Unanswered, Outcome::Abandoned];
    // A state; whether it lets a request through; and the next state, when it is asked, and when
    // a request was answered, was not, and was abandoned.
    let rows = [
        // Two of three unanswered are too few requests to judge by, two of four are not.
        (calm, "pass", [calm, window(2, 1), window(1, 2), calm]),
        (shaky, "pass", [shaky, window(3, 1), opened, shaky]),
        (open(101), "refused", [open(101); 4]),
        (open(100), "pass", [half(1, 0), open(100), open(100), open(100)]),
        (half(0, 0), "pass", [half(1, 0), half(0, 1), opened, half(0, 0)]),
        (half(1, 0), "pass", [half(2, 0), half(0, 1), opened, half(0, 0)]),
        (half(2, 0), "refused", [half(2, 0), half(1, 1), opened, half(1, 0)]),
        (half(0, 1), "pass", [half(1, 1), closed, opened, half(0, 1)]),
        (half(1, 1), "refused", [half(1, 1), closed, opened, half(0, 1)]),
    ];
    for (state, says, [asked, expected @ ..]) in rows {
        let (next, _, said) = step(state, Input::Ask);
        assert_eq!((next, said), (asked, says), "{state:?}");
        for (outcome, expected) in outcomes.into_iter().zip(expected) {
            let (next, is_new, _) = step(state, Input::Hear(outcome));
            assert_eq!(next, expected, "{state:?} {outcome:?}");
            let kind = std::mem::discriminant::<State>;
            assert_eq!(is_new, kind(&next) != kind(&state), "{state:?} {outcome:?}");
            let late = step(state, Input::HearLate(outcome));
            assert_eq!(late, (state, false, ""), "{state:?} {outcome:?}");
        }
    }
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    for (pause_s, phase) in [(0, Phase::Open), (9, Phase::Open), (10, Phase::Closed)] {
        let mut breaker = Breaker::default();
        let mut now = Duration::from_secs(1_000);
        let mut fail = |now| {
            let (next, admission) = breaker.admit(&SETTINGS, now);
            let Admission::Pass(pass) = admission else { panic!("{pause_s}: {admission:?}") };
            breaker = next.settle(&SETTINGS, pass, Outcome::Unanswered, now);
        };
        for _ in 0..3 {
            fail(now);
        }
        now += Duration::from_secs(pause_s);
        fail(now);
        assert_eq!(breaker.phase(now), phase, "{pause_s}");
    }
}

#[test]
fn a_time_that_goes_back_or_leaps_does_no_harm() {
    let mut breaker = Breaker::default();
    for now_s in [0, u64::from(u32::MAX), 5, u64::MAX / 2_000, 1] {
        let now = Duration::from_secs(now_s);
        let (next, admission) = breaker.admit(&SETTINGS, now);
        let Admission::Pass(pass) = admission else { panic!("{admission:?}") };
        breaker = next.settle(&SETTINGS, pass, Outcome::Answered, now);
    }
    assert_eq!(breaker.phase(NOW), Phase::Closed);
}

#[test]
fn of_many_requests_one_in_ten_may_be_sent_again() {
    let mut budget = RetryBudget::default();
    let mut retries = 0;
    for _ in 0..1_000 {
        budget = budget.sent();
        if let Some(less) = budget.retry() {
            budget = less;
            retries += 1;
        }
    }
    assert_eq!(retries, 109, "a tenth, and what was saved up");
    let saved = (0..1_000).fold(RetryBudget::default(), |budget, _| budget.sent());
    assert_eq!(saved, RetryBudget::default());
}
