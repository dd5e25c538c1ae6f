//! Refunds that a provider refuses because a person gave money back in its dashboard: story by
//! story; and the money of a canceled order, under chance, against a provider's books.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use lmall_domain::{
    Money, PaymentId, RefundId,
    event::{Event, RefundDue},
    payment::{Command, Decision, Kind, Movement, Payment, Progress, Refund, decide},
};
use proptest::{collection::vec, prelude::*};

use super::{
    payment_table::{movement, refund_id},
    support::{ORDER, at, eur, payment_id, yen},
};

/// What happens to refunds, told in a row.
#[derive(Debug, Clone, Copy)]
enum Then {
    Captured(&'static str, Money),
    Asked(u32, Money),
    Refused(&'static str),
    /// A webhook that names no refund.
    Back(&'static str, Money),
    /// The order is known from now on.
    Expected,
    /// One webhook more is told of.
    Told,
}

fn after(before: &Payment, story: &[Then]) -> Payment {
    let mut payment = before.clone();
    for (n, then) in story.iter().enumerate() {
        let moved = |payment, kind, amount| {
            let movement = movement(&format!("evt_{n}"), kind, 0);
            Command::Record(Movement { payment_id: payment_id(payment), amount, ..movement })
        };
        let command = match *then {
            Then::Captured(payment, amount) => moved(payment, Kind::Captured, amount),
            Then::Asked(n, amount) => {
                Command::RequestRefund(RefundDue { refund_id: refund_id(n), amount })
            }
            Then::Refused(id) => {
                let id = format!("7212345678901-refund-{id}");
                Command::Refuse(id.parse().expect("a refund id"))
            }
            Then::Back(payment, amount) => moved(payment, Kind::Refunded, amount),
            Then::Expected => Command::Expect(eur(1_000)),
            Then::Told => Command::Settle,
        };
        match decide(ORDER, Some(&payment), command, at(9)) {
            Ok(Decision::Change(after, _)) => payment = after,
            Ok(Decision::Nothing) => {}
            Err(rejection) => panic!("{rejection}"),
        }
    }
    payment
}

/// The end of its id, and how far it is.
type Part<'a> = (&'a str, Money, Progress);

fn parts(payment: &Payment) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for refund in &payment.refunds {
        let (_, id) = refund.id.as_str().rsplit_once('-').expect("an order and a number");
        parts.push((id, refund.amount, refund.progress));
    }
    parts
}

#[test]
#[rustfmt::skip]
fn a_refused_refund_gives_way_to_what_is_left() {
    use {Progress as P, Then as T};
    let paid = T::Captured("pay_1", eur(1_000));
    let asked = T::Asked(1, eur(1_000));
    let back = T::Back("pay_1", eur(300));
    let rows: &[(&[Then], &[Part<'_>])] = &[
        // Nothing explains it.
        (&[paid, asked, T::Refused("1")], &[("1", eur(1_000), P::Refused)]),
        // The webhook comes before the refusal, or after it.
        (&[paid, asked, back, T::Refused("1")], &[("1", eur(1_000), P::Replaced), ("1.1", eur(700), P::Requested)]),
        (&[paid, asked, T::Refused("1"), back], &[("1", eur(1_000), P::Replaced), ("1.1", eur(700), P::Requested)]),
        // The refusal is repeated.
        (&[paid, asked, back, T::Refused("1"), T::Refused("1")], &[("1", eur(1_000), P::Replaced), ("1.1", eur(700), P::Requested)]),
        // Enough was left all the same.
        (&[paid, T::Asked(1, eur(700)), back, T::Refused("1")], &[("1", eur(700), P::Refused)]),
        (&[paid, T::Asked(1, eur(701)), back, T::Refused("1")], &[("1", eur(701), P::Replaced), ("1.1", eur(700), P::Requested)]),
        // All of it went back: as our refund, or as more than that.
        (&[paid, asked, T::Refused("1"), T::Back("pay_1", eur(1_000))], &[("1", eur(1_000), P::Settled)]),
        (&[paid, T::Asked(1, eur(600)), T::Refused("1"), T::Back("pay_1", eur(1_000))], &[("1", eur(600), P::Replaced)]),
        // What replaced it is refused in its turn, until the next webhook for no known reason.
        (&[paid, asked, T::Refused("1"), back, T::Refused("1.1")], &[("1", eur(1_000), P::Replaced), ("1.1", eur(700), P::Refused)]),
        (
            &[paid, asked, T::Refused("1"), back, T::Refused("1.1"), T::Back("pay_1", eur(200))],
            &[("1", eur(1_000), P::Replaced), ("1.1", eur(700), P::Replaced), ("1.2", eur(500), P::Requested)],
        ),
        // Two of one payment: the second sees what became of the first.
        (
            &[paid, T::Asked(1, eur(500)), T::Asked(2, eur(500)), T::Refused("1"), T::Refused("2"), T::Back("pay_1", eur(700))],
            &[("1", eur(500), P::Replaced), ("2", eur(500), P::Replaced), ("2.1", eur(300), P::Requested)],
        ),
        // Another currency and another payment explain nothing.
        (
            &[paid, T::Captured("pay_1", yen(50)), asked, T::Asked(2, yen(50)), T::Refused("1"), T::Refused("2"), T::Back("pay_1", yen(20))],
            &[("1", eur(1_000), P::Refused), ("2", yen(50), P::Replaced), ("2.1", yen(30), P::Requested)],
        ),
        (&[paid, asked, T::Refused("1"), T::Back("pay_2", eur(300))], &[("1", eur(1_000), P::Refused)]),
        // The id of the new part is free.
        (
            &[paid, T::Captured("pay_2", eur(500)), T::Asked(1, eur(1_500)), T::Refused("1"), T::Back("pay_2", eur(200))],
            &[("1", eur(500), P::Replaced), ("1.1", eur(1_000), P::Requested), ("1.2", eur(300), P::Requested)],
        ),
        // No webhook settles what was replaced.
        (
            &[paid, T::Asked(1, eur(400)), T::Back("pay_1", eur(700)), T::Refused("1"), T::Captured("pay_1", eur(900)), T::Back("pay_1", eur(400))],
            &[("1", eur(400), P::Replaced), ("1.1", eur(300), P::Requested)],
        ),
    ];
    let known = Payment { expected: Some(eur(1_000)), ..Payment::new(ORDER) };
    for (story, expected) in rows {
        assert_eq!(parts(&after(&known, story)), *expected, "{story:?}");
    }
}

/// A webhook that was counted before it is told of would answer the part that it makes be asked
/// for, which nobody would ask for then.
#[test]
fn a_webhook_that_waits_to_be_told_of_explains_nothing_yet() {
    use {Progress as P, Then as T};
    let mut story = vec![
        T::Captured("pay_1", eur(1_000)),
        T::Asked(1, eur(1_000)),
        T::Back("pay_1", eur(500)),
        T::Refused("1"),
        T::Expected,
    ];
    let unmatched = Payment::new(ORDER);
    assert_eq!(parts(&after(&unmatched, &story)), [("1", eur(1_000), P::Refused)]);
    story.push(T::Told);
    let payment = after(&unmatched, &story);
    let expected = [("1", eur(1_000), P::Replaced), ("1.1", eur(500), P::Requested)];
    assert_eq!(parts(&payment), expected);
    assert_eq!(payment.refunds[1].attempted_at, at(9));
}

/// What chance does next. Numbers pick one of what there is.
#[derive(Debug, Clone)]
enum Step {
    Expect,
    Settle,
    /// The customer pays: once for each payment and currency.
    Pay {
        payment: u8,
        amount: Money,
    },
    /// A person gives back, if the provider lets them.
    GiveBack {
        payment: u8,
        amount: Money,
    },
    Webhook(u8),
    /// The order asks back a part of what it was told of, or the rest.
    Request(Money),
    Ask {
        refund: u8,
        answer: Answer,
    },
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Lost,
    Accepted,
    Done,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amounts =
        || prop_oneof![5 => (1..6_i64).prop_map(|n| eur(n * 100)), 1 => (1..4_i64).prop_map(yen)];
    let answer = prop_oneof![Just(Answer::Lost), Just(Answer::Accepted), Just(Answer::Done)];
    let step = prop_oneof![
        1 => Just(Step::Expect),
        1 => Just(Step::Settle),
        3 => (0..4_u8, amounts()).prop_map(|(payment, amount)| Step::Pay { payment, amount }),
        3 => (0..4_u8, amounts()).prop_map(|(payment, amount)| Step::GiveBack { payment, amount }),
        6 => any::<u8>().prop_map(Step::Webhook),
        4 => amounts().prop_map(Step::Request),
        5 => (any::<u8>(), answer).prop_map(|(refund, answer)| Step::Ask { refund, answer }),
    ];
    vec(step, 0..80)
}

/// A payment at the provider, in one currency.
type Account = (PaymentId, &'static str);

#[derive(Default)]
struct World {
    payment: Option<Payment>,
    /// The naive model: what the provider has left of each capture.
    left: BTreeMap<Account, i64>,
    done: BTreeSet<RefundId>,
    webhooks: Vec<Movement>,
    events: usize,
    /// What the order was told of and has not asked back, in each currency.
    due: BTreeMap<&'static str, i64>,
    requests: u32,
    seconds: u64,
}

impl World {
    fn apply(&mut self, command: Command) -> bool {
        self.seconds += 1;
        let decision = decide(ORDER, self.payment.as_ref(), command, at(self.seconds));
        let Decision::Change(after, event) = decision.expect("far below the limit") else {
            return false;
        };
        self.payment = Some(after);
        if let Some(Event::PaymentCaptured(told)) = event {
            *self.due.entry(told.amount.currency.code()).or_default() += told.amount.amount;
        }
        true
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Expect => drop(self.apply(Command::Expect(eur(300)))),
            Step::Settle => drop(self.apply(Command::Settle)),
            Step::Pay { payment, amount } => {
                let payment_id = payment_id(&format!("pay_{payment}"));
                let account = (payment_id.clone(), amount.currency.code());
                if let Entry::Vacant(left) = self.left.entry(account) {
                    left.insert(amount.amount);
                    self.tell(Kind::Captured, payment_id, amount, None);
                }
            }
            Step::GiveBack { payment, amount } => {
                let payment_id = payment_id(&format!("pay_{payment}"));
                if self.give_back(&payment_id, amount) {
                    self.tell(Kind::Refunded, payment_id, amount, None);
                }
            }
            Step::Webhook(pick) => {
                if let Some(index) = usize::from(pick).checked_rem(self.webhooks.len()) {
                    let movement = self.webhooks.swap_remove(index);
                    self.apply(Command::Record(movement));
                }
            }
            Step::Request(amount) => self.request(amount),
            Step::Ask { refund, answer } => {
                let open = self.open();
                if let Some(index) = usize::from(refund).checked_rem(open.len()) {
                    self.ask(&open[index], answer);
                }
            }
        }
    }

    /// The provider's rule: no capture gives back more than itself.
    fn give_back(&mut self, payment_id: &PaymentId, amount: Money) -> bool {
        match self.left.get_mut(&(payment_id.clone(), amount.currency.code())) {
            Some(left) if *left >= amount.amount => {
                *left -= amount.amount;
                true
            }
            Some(_) | None => false,
        }
    }

    fn tell(&mut self, kind: Kind, payment_id: PaymentId, amount: Money, of: Option<RefundId>) {
        self.events += 1;
        let told = movement(&format!("evt_{}", self.events), kind, 0);
        self.webhooks.push(Movement { payment_id, amount, refund_id: of, ..told });
    }

    fn request(&mut self, amount: Money) {
        let due = self.due.entry(amount.currency.code()).or_default();
        let amount = Money::new(amount.amount.min(*due), amount.currency);
        if amount.amount > 0 {
            *due -= amount.amount;
            self.requests += 1;
            let refund_id = refund_id(self.requests);
            self.apply(Command::RequestRefund(RefundDue { refund_id, amount }));
        }
    }

    fn open(&self) -> Vec<Refund> {
        let refunds = self.payment.iter().flat_map(|payment| &payment.refunds);
        refunds.filter(|refund| refund.progress.is_open()).cloned().collect()
    }

    fn ask(&mut self, refund: &Refund, answer: Answer) {
        let id = refund.id.clone();
        if !self.done.contains(&id) {
            if !self.give_back(&refund.payment_id, refund.amount) {
                self.apply(Command::Refuse(id));
                return;
            }
            self.done.insert(id.clone());
            let (payment_id, of) = (refund.payment_id.clone(), Some(id.clone()));
            self.tell(Kind::Refunded, payment_id, refund.amount, of);
        }
        self.apply(match answer {
            Answer::Lost => Command::Attempt(id),
            Answer::Accepted => Command::Accept(id),
            Answer::Done => Command::Answer(id),
        });
    }

    /// Everything on its way arrives, and everything open is asked for.
    fn drain(&mut self) {
        self.apply(Command::Expect(eur(300)));
        for _ in 0..1_000 {
            while let Some(movement) = self.webhooks.pop() {
                self.apply(Command::Record(movement));
            }
            while self.apply(Command::Settle) {}
            self.request(eur(i64::MAX));
            self.request(yen(i64::MAX));
            let open = self.open();
            if open.is_empty() && self.webhooks.is_empty() {
                return;
            }
            for refund in open {
                self.ask(&refund, Answer::Accepted);
            }
        }
        panic!("it never comes to rest: {:?}", self.payment);
    }

    fn check_at_rest(&self) {
        let kept: Vec<_> = self.left.iter().filter(|(_, left)| **left != 0).collect();
        assert!(kept.is_empty(), "the order is canceled, and {kept:?} is kept: {:?}", self.payment);
        let Some(payment) = &self.payment else { return };
        for refund in &payment.refunds {
            assert_ne!(refund.progress, Progress::Refused, "it was explained: {payment:?}");
        }
        for currency in [eur(0).currency, yen(0).currency] {
            let (captured, refunded) = (payment.captured(currency), payment.refunded(currency));
            assert_eq!(captured, refunded, "{currency:?} of {payment:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn nothing_is_kept_of_what_people_gave_back_in_part(steps in steps()) {
        let mut world = World::default();
        for step in steps {
            world.step(step);
        }
        world.drain();
        world.check_at_rest();
    }
}
