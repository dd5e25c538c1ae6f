//! The payment table of `docs/PROTOCOLS.md`, section 7: every cell; and money under chance.

use std::collections::{BTreeMap, BTreeSet};

use lmall_domain::{
    Money, PaymentId, ProviderName, RefundId,
    event::{Event, EventType, RefundDue},
    limits::MOVEMENTS_MAX,
    payment::{
        Command, Decision, Kind, Movement, Payment, Progress, Refund, Rejection, State, decide,
    },
};
use proptest::{collection::vec, prelude::*};

use super::support::{ORDER, PLACED, at, eur, payment_id, provider, yen};

const TOTAL: i64 = 1_000;

/// A row of the table: how it came to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Absent,
    /// 1,000 captured of an order that is not known.
    Unmatched,
    Open,
    Failed,
    /// 1,000 captured.
    Captured,
    /// The same, and the order service was not told.
    Untold,
    /// The same, told, and all asked back as refund 1.
    Refunding,
    /// The provider's answer says that refund 1 is done.
    Answered,
    /// Its webhook says so.
    Refunded,
    /// The provider refuses refund 1, and nothing explains it.
    Refused,
    /// The provider gave 300 back on its own after refund 1 was asked for.
    Short,
    /// The same, and refund 1 was refused: the remaining 700 are asked for.
    Replaced,
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Expect,
    CapturedMore,
    Failed,
    Refunded,
    /// 300, on the provider's own account.
    RefundedPart,
    Settle,
    RequestSame,
    RequestOther,
    Attempt,
    Accept,
    Answer,
    Refuse,
}

use {Before as B, Input as I};

impl Before {
    const ALL: [Self; 12] = [
        B::Absent,
        B::Unmatched,
        B::Open,
        B::Failed,
        B::Captured,
        B::Untold,
        B::Refunding,
        B::Answered,
        B::Refunded,
        B::Refused,
        B::Short,
        B::Replaced,
    ];

    fn payment(self) -> Option<Payment> {
        let captured = Movement { settled: true, ..movement("evt_1", Kind::Captured, TOTAL) };
        let failed = Movement { settled: true, ..movement("evt_1", Kind::Failed, TOTAL) };
        let untold = Movement { settled: false, ..captured.clone() };
        let refunded = Movement { settled: true, ..movement("evt_2", Kind::Refunded, TOTAL) };
        let in_part = Movement { amount: eur(300), ..refunded.clone() };
        let (movements, progress) = match self {
            B::Absent => return None,
            B::Unmatched | B::Untold => (vec![untold], None),
            B::Open => (Vec::new(), None),
            B::Failed => (vec![failed], None),
            B::Captured => (vec![captured], None),
            B::Refunding => (vec![captured], Some(Progress::Requested)),
            B::Answered => (vec![captured], Some(Progress::Answered)),
            B::Refunded => (vec![captured, refunded], Some(Progress::Settled)),
            B::Refused => (vec![captured], Some(Progress::Refused)),
            B::Short => (vec![captured, in_part], Some(Progress::Requested)),
            B::Replaced => (vec![captured, in_part], Some(Progress::Replaced)),
        };
        let refund = |progress| Refund {
            id: refund_id(1),
            requested_as: refund_id(1),
            provider: provider("acme"),
            payment_id: payment_id("pay_1"),
            amount: eur(TOTAL),
            progress,
            attempted_at: PLACED,
        };
        let rest =
            || Refund { id: refund_id(1).part(1), amount: eur(700), ..refund(Progress::Requested) };
        Some(Payment {
            expected: (self != B::Unmatched).then(|| eur(TOTAL)),
            movements,
            refunds: progress
                .map(refund)
                .into_iter()
                .chain((self == B::Replaced).then(rest))
                .collect(),
            events: 2,
            ..Payment::new(ORDER)
        })
    }
}

impl Input {
    const ALL: [Self; 12] = [
        I::Expect,
        I::CapturedMore,
        I::Failed,
        I::Refunded,
        I::RefundedPart,
        I::Settle,
        I::RequestSame,
        I::RequestOther,
        I::Attempt,
        I::Accept,
        I::Answer,
        I::Refuse,
    ];

    fn command(self) -> Command {
        let due = |n, amount| RefundDue { refund_id: refund_id(n), amount: eur(amount) };
        match self {
            I::Expect => Command::Expect(eur(TOTAL)),
            I::CapturedMore => Command::Record(movement("evt_9", Kind::Captured, 500)),
            I::Failed => Command::Record(movement("evt_9", Kind::Failed, 500)),
            I::Refunded => Command::Record(movement("evt_9", Kind::Refunded, TOTAL)),
            I::RefundedPart => Command::Record(movement("evt_9", Kind::Refunded, 300)),
            I::Settle => Command::Settle,
            I::RequestSame => Command::RequestRefund(due(1, TOTAL)),
            I::RequestOther => Command::RequestRefund(due(2, 300)),
            I::Attempt => Command::Attempt(refund_id(1)),
            I::Accept => Command::Accept(refund_id(1)),
            I::Answer => Command::Answer(refund_id(1)),
            I::Refuse => Command::Refuse(refund_id(1)),
        }
    }
}

pub(crate) fn refund_id(n: u32) -> RefundId {
    RefundId::of(ORDER, n)
}

pub(crate) fn movement(event: &str, kind: Kind, amount: i64) -> Movement {
    Movement {
        provider: provider("acme"),
        provider_event_id: payment_id(event),
        payment_id: payment_id("pay_1"),
        kind,
        amount: eur(amount),
        refund_id: None,
        recorded_at: PLACED,
        settled: false,
    }
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Ignore,
    Quiet(State),
    Say(State, EventType),
}

type Row = (&'static [Before], &'static [Input], Cell);

#[rustfmt::skip]
const TABLE: &[Row] = {
    use {Cell as C, EventType as E, State as S};
    const NO_REFUND: &[Before] = &[B::Absent, B::Unmatched, B::Open, B::Failed, B::Captured, B::Untold];
    const DONE: &[Before] = &[B::Answered, B::Refunded];
    const REFUSED: &[Before] = &[B::Refused, B::Replaced];
    const OPEN: &[Before] = &[B::Refunding, B::Short, B::Replaced];
    &[
        (&[B::Absent], &[I::Expect], C::Quiet(S::Open)),
        (&[B::Unmatched], &[I::Expect], C::Say(S::Captured, E::PaymentCaptured)),
        (&[B::Open, B::Failed, B::Captured, B::Untold], &[I::Expect], C::Ignore),
        (&[B::Refunding, B::Answered, B::Refunded, B::Refused, B::Short, B::Replaced], &[I::Expect], C::Ignore),

        // Stored at once, told when the order is known, the oldest first.
        (&[B::Absent, B::Unmatched], &[I::CapturedMore, I::Failed, I::Refunded, I::RefundedPart], C::Quiet(S::Unmatched)),
        (&[B::Untold], &[I::CapturedMore, I::Failed, I::RefundedPart], C::Say(S::Captured, E::PaymentCaptured)),
        (&[B::Untold], &[I::Refunded], C::Say(S::Refunded, E::PaymentCaptured)),

        (&[B::Open, B::Failed, B::Captured, B::Answered, B::Refunded, B::Refused], &[I::CapturedMore], C::Say(S::Captured, E::PaymentCaptured)),
        (OPEN, &[I::CapturedMore], C::Say(S::Refunding, E::PaymentCaptured)),
        (&[B::Open, B::Failed], &[I::Failed], C::Say(S::Failed, E::PaymentFailed)),
        (&[B::Captured, B::Refused], &[I::Failed], C::Say(S::Captured, E::PaymentFailed)),
        (OPEN, &[I::Failed], C::Say(S::Refunding, E::PaymentFailed)),
        (DONE, &[I::Failed], C::Say(S::Refunded, E::PaymentFailed)),
        (&[B::Open], &[I::Refunded, I::RefundedPart], C::Say(S::Open, E::PaymentRefunded)),
        (&[B::Failed], &[I::Refunded, I::RefundedPart], C::Say(S::Failed, E::PaymentRefunded)),
        (&[B::Captured, B::Refunding, B::Refunded, B::Refused, B::Short], &[I::Refunded], C::Say(S::Refunded, E::PaymentRefunded)),
        // Refund 1 waits for nothing any more, and the 700 are another refund.
        (&[B::Replaced], &[I::Refunded], C::Say(S::Refunding, E::PaymentRefunded)),
        // The answer was told of already.
        (&[B::Answered], &[I::Refunded], C::Quiet(S::Refunded)),
        (&[B::Captured], &[I::RefundedPart], C::Say(S::Captured, E::PaymentRefunded)),
        (OPEN, &[I::RefundedPart], C::Say(S::Refunding, E::PaymentRefunded)),
        (DONE, &[I::RefundedPart], C::Say(S::Refunded, E::PaymentRefunded)),
        // It explains the refusal: the remaining 700 are asked for.
        (&[B::Refused], &[I::RefundedPart], C::Say(S::Refunding, E::PaymentRefunded)),

        (&[B::Untold], &[I::Settle], C::Say(S::Captured, E::PaymentCaptured)),
        (&[B::Absent, B::Unmatched, B::Open, B::Failed, B::Captured, B::Refunding, B::Answered, B::Refunded], &[I::Settle], C::Ignore),
        (&[B::Refused, B::Short, B::Replaced], &[I::Settle], C::Ignore),

        (&[B::Unmatched], &[I::RequestSame, I::RequestOther], C::Quiet(S::Unmatched)),
        (&[B::Captured, B::Untold], &[I::RequestSame, I::RequestOther], C::Quiet(S::Refunding)),
        // Nothing came, or all of it is asked back already.
        (&[B::Absent, B::Open, B::Failed, B::Refunding, B::Answered, B::Refunded], &[I::RequestSame, I::RequestOther], C::Ignore),
        (&[B::Refused, B::Short, B::Replaced], &[I::RequestSame, I::RequestOther], C::Ignore),

        (NO_REFUND, &[I::Attempt, I::Accept, I::Answer, I::Refuse], C::Ignore),
        (&[B::Refunding, B::Short], &[I::Attempt, I::Accept], C::Quiet(S::Refunding)),
        (&[B::Refunding, B::Short], &[I::Answer], C::Say(S::Refunded, E::PaymentRefunded)),
        (&[B::Refunding], &[I::Refuse], C::Quiet(S::Captured)),
        // What the provider gave back on its own explains it.
        (&[B::Short], &[I::Refuse], C::Quiet(S::Refunding)),
        (DONE, &[I::Attempt, I::Accept, I::Answer, I::Refuse], C::Ignore),
        (REFUSED, &[I::Attempt, I::Accept, I::Answer, I::Refuse], C::Ignore),
    ]
};

fn check(before: Before, input: Input, cell: Cell) {
    let name = format!("{before:?}, {input:?}");
    let payment = before.payment();
    let decision = decide(ORDER, payment.as_ref(), input.command(), at(9));
    let (state, event_type) = match cell {
        Cell::Ignore => return assert_eq!(decision, Ok(Decision::Nothing), "{name}"),
        Cell::Quiet(state) => (state, None),
        Cell::Say(state, event_type) => (state, Some(event_type)),
    };
    let Ok(Decision::Change(after, event)) = decision else {
        panic!("{name}: {decision:?} instead of a change");
    };
    assert_eq!(after.state(), state, "{name}");
    assert_eq!(event.as_ref().map(Event::event_type), event_type, "{name}");
    let events = payment.map_or(0, |before| before.events);
    assert_eq!(after.events, events + u32::from(event.is_some()), "{name}");
    if let Some(Event::PaymentRefunded(refunded)) = event {
        let ours =
            matches!(before, B::Refunding | B::Refused | B::Short) && input != Input::RefundedPart;
        assert_eq!(refunded.refund_id, ours.then(|| refund_id(1)), "{name}");
    }
}

#[test]
fn every_cell_does_what_the_table_says() {
    for (rows, inputs, cell) in TABLE {
        for before in *rows {
            for input in *inputs {
                check(*before, *input, *cell);
            }
        }
    }
}

#[test]
fn every_combination_has_one_row() {
    for before in Before::ALL {
        for input in Input::ALL {
            let rows = TABLE
                .iter()
                .filter(|(rows, inputs, _)| rows.contains(&before) && inputs.contains(&input));
            assert_eq!(rows.count(), 1, "{before:?}, {input:?}");
        }
    }
}

#[test]
fn a_providers_event_takes_effect_once() {
    for before in Before::ALL {
        let Some(payment) = before.payment() else { continue };
        for movement in payment.movements.clone() {
            // Whatever else a repetition says, its id was seen.
            let repeated = Movement { amount: yen(5), settled: false, ..movement };
            let decision = decide(ORDER, Some(&payment), Command::Record(repeated), PLACED);
            assert_eq!(decision, Ok(Decision::Nothing), "{before:?}");
        }
        let of_another = movement("evt_1", Kind::Captured, 5);
        let of_another = Movement { provider: provider("other"), ..of_another };
        let decision = decide(ORDER, Some(&payment), Command::Record(of_another), PLACED);
        assert!(matches!(decision, Ok(Decision::Change(..))), "{before:?}");
    }
}

#[test]
fn a_payment_takes_only_so_many_events() {
    let event = |n| movement(&format!("evt_{n}"), Kind::Failed, 1);
    let full =
        Payment { movements: (0..MOVEMENTS_MAX).map(event).collect(), ..Payment::new(ORDER) };
    let record = |n| decide(ORDER, Some(&full), Command::Record(event(n)), PLACED);
    assert_eq!(record(MOVEMENTS_MAX), Err(Rejection::TooManyMovements));
    assert_eq!(record(0), Ok(Decision::Nothing));
}

#[test]
fn a_refund_takes_the_newest_captures_first() {
    let captures: &[(&str, Money)] =
        &[("pay_1", eur(1_000)), ("pay_2", eur(300)), ("pay_3", yen(70)), ("pay_2", eur(50))];
    // (asked, parts)
    for (due, parts) in [
        (eur(200), vec![("7212345678901-refund-1", "pay_2", eur(200))]),
        (eur(350), vec![("7212345678901-refund-1", "pay_2", eur(350))]),
        (
            eur(351),
            vec![
                ("7212345678901-refund-1", "pay_2", eur(350)),
                ("7212345678901-refund-1.1", "pay_1", eur(1)),
            ],
        ),
        (
            eur(5_000),
            vec![
                ("7212345678901-refund-1", "pay_2", eur(350)),
                ("7212345678901-refund-1.1", "pay_1", eur(1_000)),
            ],
        ),
        (yen(70), vec![("7212345678901-refund-1", "pay_3", yen(70))]),
        (yen(0), vec![]),
    ] {
        let capture = |(n, (payment, amount)): (usize, &(&str, Money))| Movement {
            payment_id: payment_id(payment),
            amount: *amount,
            settled: true,
            ..movement(&format!("evt_{n}"), Kind::Captured, 0)
        };
        let movements = captures.iter().enumerate().map(capture).collect();
        let payment = Payment { expected: Some(eur(TOTAL)), movements, ..Payment::new(ORDER) };
        let request = RefundDue { refund_id: refund_id(1), amount: due };
        let decision = decide(ORDER, Some(&payment), Command::RequestRefund(request), PLACED);
        let refunds = match decision {
            Ok(Decision::Change(after, None)) => after.refunds,
            Ok(Decision::Nothing) => Vec::new(),
            other => panic!("{other:?}"),
        };
        let found: Vec<_> = refunds
            .iter()
            .map(|refund| (refund.id.as_str(), refund.payment_id.as_str(), refund.amount))
            .collect();
        assert_eq!(found, parts, "{due:?}");
    }
}

#[test]
fn sums_that_do_not_fit_are_no_panic() {
    let capture = |event| Movement { settled: true, ..movement(event, Kind::Captured, i64::MAX) };
    let movements = vec![capture("evt_1"), capture("evt_2")];
    let payment = Payment { expected: Some(eur(1)), movements, ..Payment::new(ORDER) };
    let due = RefundDue { refund_id: refund_id(1), amount: eur(i64::MAX) };
    let decision = decide(ORDER, Some(&payment), Command::RequestRefund(due), PLACED);
    let Ok(Decision::Change(after, None)) = decision else { panic!("{decision:?}") };
    assert_eq!(after.refunds.len(), 1);
    assert_eq!(after.captured(eur(0).currency), i64::MAX);
}

#[test]
fn a_refund_that_waits_to_be_told_of_counts_once() {
    let captured = |event, settled| Movement { settled, ..movement(event, Kind::Captured, TOTAL) };
    let answer =
        Movement { refund_id: Some(refund_id(1)), ..movement("evt_3", Kind::Refunded, TOTAL) };
    // 2,000 came, 1,000 went back as refund 1, whose webhook stands behind an untold capture.
    let payment = Payment {
        movements: vec![captured("evt_1", true), captured("evt_2", false), answer],
        ..B::Refunding.payment().expect("it has one")
    };
    let due = RefundDue { refund_id: refund_id(2), amount: eur(2 * TOTAL) };
    let decision = decide(ORDER, Some(&payment), Command::RequestRefund(due), PLACED);
    let Ok(Decision::Change(after, None)) = decision else { panic!("{decision:?}") };
    let amounts: Vec<_> = after.refunds.iter().map(|refund| refund.amount).collect();
    assert_eq!(amounts, [eur(TOTAL), eur(TOTAL)]);
}

/// What chance does to one payment. Numbers pick from a few ids, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Expect,
    Settle,
    Webhook { event: u8, payment: u8, kind: Kind, amount: Money, names_refund: Option<u8> },
    Request { refund: u8, amount: Money },
    Attempt(u8),
    Accept(u8),
    Answer(u8),
    Refuse(u8),
}

fn amounts() -> impl Strategy<Value = Money> {
    prop_oneof![4 => (1..4_i64).prop_map(|n| eur(n * 100)), 1 => (1..3_i64).prop_map(yen)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kinds = prop_oneof![
        4 => Just(Kind::Captured),
        1 => Just(Kind::Failed),
        3 => Just(Kind::Refunded),
    ];
    let webhook = (0..12_u8, 0..4_u8, kinds, amounts(), proptest::option::of(0..3_u8)).prop_map(
        |(event, payment, kind, amount, names_refund)| Step::Webhook {
            event,
            payment,
            kind,
            amount,
            names_refund,
        },
    );
    let request =
        (0..4_u8, amounts()).prop_map(|(refund, amount)| Step::Request { refund, amount });
    let step = prop_oneof![
        1 => Just(Step::Expect),
        1 => Just(Step::Settle),
        8 => webhook,
        4 => request,
        1 => any::<u8>().prop_map(Step::Attempt),
        2 => any::<u8>().prop_map(Step::Accept),
        3 => any::<u8>().prop_map(Step::Answer),
        1 => any::<u8>().prop_map(Step::Refuse),
    ];
    vec(step, 0..60)
}

impl Step {
    fn command(&self, payment: Option<&Payment>) -> Command {
        // Any refund part there is, or one that nobody asked for.
        let any_refund = |n: &u8| {
            let refunds = payment.map(|payment| &payment.refunds[..]).unwrap_or_default();
            let refund = refunds.get(usize::from(*n) % (refunds.len() + 1));
            refund.map_or_else(|| refund_id(99), |refund| refund.id.clone())
        };
        match self {
            Self::Expect => Command::Expect(eur(300)),
            Self::Settle => Command::Settle,
            Self::Webhook { event, payment: number, kind, amount, names_refund } => {
                Command::Record(Movement {
                    provider: provider(if number % 2 == 0 { "acme" } else { "other" }),
                    payment_id: payment_id(&format!("pay_{}", number / 2)),
                    amount: *amount,
                    refund_id: names_refund.as_ref().map(any_refund),
                    ..movement(&format!("evt_{event}"), *kind, 0)
                })
            }
            Self::Request { refund, amount } => Command::RequestRefund(RefundDue {
                refund_id: refund_id(u32::from(*refund) + 1),
                amount: *amount,
            }),
            Self::Attempt(n) => Command::Attempt(any_refund(n)),
            Self::Accept(n) => Command::Accept(any_refund(n)),
            Self::Answer(n) => Command::Answer(any_refund(n)),
            Self::Refuse(n) => Command::Refuse(any_refund(n)),
        }
    }
}

#[derive(Default)]
struct World {
    payment: Option<Payment>,
    events: Vec<Event>,
    /// The naive model: what each provider event that was accepted first said.
    accepted: BTreeMap<(ProviderName, PaymentId), (PaymentId, Kind, Money)>,
    seconds: u64,
}

impl World {
    fn apply(&mut self, command: Command) -> bool {
        self.seconds += 1;
        if let Command::Record(movement) = &command {
            let id = (movement.provider.clone(), movement.provider_event_id.clone());
            let said = (movement.payment_id.clone(), movement.kind, movement.amount);
            self.accepted.entry(id).or_insert(said);
        }
        let decision = decide(ORDER, self.payment.as_ref(), command, at(self.seconds));
        let Decision::Change(after, event) = decision.expect("far below the limit") else {
            return false;
        };
        self.payment = Some(after);
        self.events.extend(event);
        true
    }

    /// Refunds never exceed captures, payment by payment and currency by currency.
    fn check(&self) {
        let Some(payment) = &self.payment else { return };
        let mut left = BTreeMap::new();
        for ((provider, _), (payment_id, kind, amount)) in &self.accepted {
            if *kind == Kind::Captured {
                let currency = amount.currency.code();
                *left.entry((provider, payment_id, currency)).or_insert(0) += amount.amount;
            }
        }
        let mut parts = BTreeSet::new();
        for refund in &payment.refunds {
            let of = (&refund.provider, &refund.payment_id, refund.amount.currency.code());
            let left = left.get_mut(&of).expect("a refund is of a capture");
            *left -= if refund.progress.is_asked() { refund.amount.amount } else { 0 };
            assert!(*left >= 0, "{of:?} is overdrawn by {left}");
            assert!(refund.amount.amount > 0, "a part of nothing");
            assert!(parts.insert(&refund.id), "two parts named {}", refund.id);
        }
        let events = u32::try_from(self.events.len()).expect("few");
        assert_eq!(payment.events, events, "the counter makes the event ids");
    }

    /// Once the order is known and everything settled, the order service has heard all of it.
    fn check_at_rest(&self) {
        let payment = self.payment.as_ref().expect("it was expected");
        assert!(payment.movements.iter().all(|movement| movement.settled));
        let mut captured = BTreeMap::new();
        let mut failed = 0;
        let mut refunded: BTreeMap<&str, i64> = BTreeMap::new();
        for event in &self.events {
            match event {
                Event::PaymentCaptured(told) => {
                    let id = (told.provider.clone(), told.provider_event_id.clone());
                    let said = (told.payment_id.clone(), Kind::Captured, told.amount);
                    assert_eq!(captured.insert(id, said), None, "a capture was told twice");
                }
                Event::PaymentFailed(_) => failed += 1,
                Event::PaymentRefunded(told) => {
                    *refunded.entry(told.amount.currency.code()).or_default() += told.amount.amount;
                }
                other => panic!("payment does not write {other:?}"),
            }
        }
        let of_kind =
            |wanted| self.accepted.iter().filter(move |(_, (_, kind, _))| *kind == wanted);
        let expected = of_kind(Kind::Captured).map(|(id, said)| (id.clone(), said.clone()));
        assert_eq!(captured, expected.collect());
        assert_eq!(failed, of_kind(Kind::Failed).count());
        for currency in [eur(0).currency, yen(0).currency] {
            let told = refunded.get(currency.code()).copied().unwrap_or(0);
            assert_eq!(told, payment.refunded(currency), "told and gone, {currency:?}");
        }
    }
}

proptest! {
    #[test]
    fn money_never_goes_back_twice_and_everything_is_told_once(steps in steps()) {
        let mut world = World::default();
        for step in steps {
            let command = step.command(world.payment.as_ref());
            world.apply(command);
            world.check();
        }
        world.apply(Command::Expect(eur(300)));
        while world.apply(Command::Settle) {
            world.check();
        }
        world.check();
        world.check_at_rest();
    }
}
