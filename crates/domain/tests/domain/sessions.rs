//! Refresh tokens: every case in a table, and any history against a model that keeps all of it.

use std::time::Duration;

use lmall_domain::{
    Timestamp,
    customer::{
        Answer, ClosedBy, IDLE_LIFE, REPLAY_GRACE, Refusal, Session, TokenHash, Turn, WHOLE_LIFE,
        crowded_out, present,
    },
};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_millis(1_768_386_600_000);

fn hash(name: impl ToString) -> TokenHash {
    TokenHash(name.to_string())
}

fn session() -> Session {
    let (id, customer) = ("ses_1".parse().expect("an id"), "cus_1".parse().expect("an id"));
    Session::begun(id, customer, hash("family"), hash(0), START)
}

/// A session whose token 1 is good, and was answered to token 0 at the start.
fn turned() -> Session {
    let previous = Some(Turn { hash: hash(0), at: START });
    Session { previous, current: hash(1), ..session() }
}

#[test]
fn each_token_in_each_session_has_one_answer() {
    let ms = Duration::from_millis(1);
    let last_of_grace = REPLAY_GRACE - ms;
    let closed = Session { closed: Some(ClosedBy::LogOut), ..turned() };
    let old = Session { used_at: START.after(WHOLE_LIFE - ms), ..turned() };
    let rows = [
        (turned(), "family", "1", Duration::ZERO, "turned"),
        (turned(), "family", "1", IDLE_LIFE - ms, "turned"),
        (turned(), "family", "1", IDLE_LIFE, "Lapsed"),
        (old.clone(), "family", "1", WHOLE_LIFE - ms, "turned"),
        (old, "family", "1", WHOLE_LIFE, "Lapsed"),
        (turned(), "family", "0", Duration::ZERO, "turned"),
        (turned(), "family", "0", last_of_grace, "turned"),
        (turned(), "family", "0", REPLAY_GRACE, "reused"),
        (turned(), "family", "0", IDLE_LIFE, "Lapsed"),
        (turned(), "family", "x", Duration::ZERO, "reused"),
        (turned(), "other", "1", Duration::ZERO, "Unknown"),
        (turned(), "other", "0", Duration::ZERO, "Unknown"),
        (turned(), "other", "x", IDLE_LIFE, "Unknown"),
        (closed.clone(), "family", "1", Duration::ZERO, "Closed"),
        (closed.clone(), "family", "0", Duration::ZERO, "Closed"),
        (closed.clone(), "family", "x", Duration::ZERO, "Closed"),
        (closed, "other", "1", Duration::ZERO, "Unknown"),
    ];
    for (before, family, shown, later, expected) in rows {
        let now = START.after(later);
        let answer = present(&before, &hash(family), &hash(shown), hash("new"), now);
        let said = match answer {
            Answer::Turned(after) => {
                assert_eq!((after.current, after.used_at), (hash("new"), now));
                assert_eq!(
                    after.previous.unwrap().hash,
                    hash(shown),
                    "what was shown is the one before"
                );
                "turned".to_owned()
            }
            Answer::Reused(after) => {
                assert_eq!(after, Session { closed: Some(ClosedBy::Reuse), ..before });
                "reused".to_owned()
            }
            Answer::Refused(why) => format!("{why:?}"),
        };
        assert_eq!(said, expected, "{family} {shown} after {later:?}");
    }
}

#[test]
fn the_grace_is_not_prolonged_by_being_used() {
    let late = START.after(REPLAY_GRACE - Duration::from_millis(1));
    let Answer::Turned(again) = present(&turned(), &hash("family"), &hash(0), hash(2), late) else {
        panic!("within its grace");
    };
    let after = START.after(REPLAY_GRACE);
    let third = present(&again, &hash("family"), &hash(0), hash(3), after);
    assert!(matches!(third, Answer::Reused(_)), "{third:?}");
}

/// Everything that ever happened to one token.
struct Token {
    successor_of: Option<usize>,
    answered_at: Option<Timestamp>,
}

/// The rule as it is told, on the whole history.
struct Model {
    tokens: Vec<Token>,
    used_at: Timestamp,
    closed: bool,
}

impl Model {
    fn show(&mut self, token: usize, now: Timestamp) -> &'static str {
        if self.closed {
            return "Closed";
        }
        if now.since(self.used_at) >= IDLE_LIFE || now.since(START) >= WHOLE_LIFE {
            return "Lapsed";
        }
        let is_newest = token + 1 == self.tokens.len();
        let successor_was_used = self
            .tokens
            .iter()
            .any(|other| other.successor_of == Some(token) && other.answered_at.is_some());
        let first = self.tokens[token].answered_at;
        let in_grace = first.is_some_and(|at| now.since(at) < REPLAY_GRACE);
        if !(is_newest || in_grace && !successor_was_used) {
            self.closed = true;
            return "reused";
        }
        self.tokens[token].answered_at.get_or_insert(now);
        self.tokens.push(Token { successor_of: Some(token), answered_at: None });
        self.used_at = now;
        "turned"
    }
}

proptest! {
    #[test]
    fn any_history_is_answered_as_the_whole_of_it_demands(
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..4, 0_u64..40), 1..40),
    ) {
        let mut state = session();
        let first = Token { successor_of: None, answered_at: None };
        let mut model = Model { tokens: vec![first], used_at: START, closed: false };
        let mut now = START;
        for (which, kind, pause) in steps {
            now = now.after(match kind {
                0..3 => Duration::from_secs(pause),
                _ => Duration::from_secs(pause * 86_400),
            });
            // Mostly the last ones: those are what histories are made of.
            let known = model.tokens.len();
            let token = known - 1 - which.index(known.min(4));
            let new = hash(known);
            let expected = model.show(token, now);
            let said = match present(&state, &hash("family"), &hash(token), new, now) {
                Answer::Turned(after) => { state = after; "turned" }
                Answer::Reused(after) => { state = after; "reused" }
                Answer::Refused(Refusal::Closed) => "Closed",
                Answer::Refused(Refusal::Lapsed) => "Lapsed",
                Answer::Refused(Refusal::Unknown) => "Unknown",
            };
            prop_assert_eq!(said, expected);
        }
    }
}

#[test]
fn one_more_takes_the_place_of_what_has_ended_then_of_what_was_used_longest_ago() {
    let used = |seconds: u64| {
        let mut session = session();
        session.used_at = START.after(Duration::from_secs(seconds));
        session
    };
    let seconds = |sessions: Vec<Session>| -> Vec<i64> {
        sessions.iter().map(|session| session.used_at.as_secs() - START.as_secs()).collect()
    };
    let full = |sessions: u64| -> Vec<Session> { (0..sessions).rev().map(used).collect() };
    assert!(crowded_out(full(99)).is_empty());
    assert_eq!(seconds(crowded_out(full(100))), [0]);
    assert_eq!(seconds(crowded_out(full(102))), [0, 1, 2]);
    let mut ended = full(101);
    ended[0] = ended[0].clone().closed(ClosedBy::LogOut).unwrap();
    assert_eq!(seconds(crowded_out(ended)), [100, 0]);
}
