use std::collections::{BTreeSet, VecDeque};

use lmall_app::payment::{self, verify};
use lmall_domain::{Timestamp, money::Currency};

use super::*;
use crate::kernel::{Fault, Faults, Run, START, Trace};

const ALWAYS: u32 = 1_000_000;

/// Faults are on, but none strikes.
fn harmless() -> Faults {
    Faults::only(Fault::Poison, 1)
}

/// A door that verifies as the shop does, and answers otherwise as it is told.
#[derive(Default)]
struct Door {
    kernel: Mutex<Option<Kernel>>,
    /// What it answers to the first ones, instead of the truth.
    answers: Mutex<VecDeque<Answer>>,
    /// It never answers the first one.
    hangs: Mutex<bool>,
    /// It takes everything.
    is_naive: bool,
    seen: Mutex<Vec<(Duration, Webhook, Answer)>>,
    taken: Mutex<BTreeSet<Vec<u8>>>,
}

#[async_trait]
impl WebhookDoor for Door {
    async fn deliver(&self, webhook: Webhook) -> Answer {
        let kernel = self.kernel.lock().clone().unwrap();
        if std::mem::take(&mut *self.hangs.lock()) {
            kernel.sleep(Duration::from_secs(30 * 3_600)).await;
        }
        let told = self.answers.lock().pop_front();
        let answer = told.unwrap_or_else(|| {
            if self.is_naive || is_valid(&webhook, kernel.now()) {
                let is_new = self.taken.lock().insert(webhook.body.clone());
                assert!(!is_new || !webhook.origin.must_change_nothing() || self.is_naive);
                Answer::Taken
            } else {
                Answer::Refused
            }
        });
        self.seen.lock().push((kernel.elapsed(), webhook, answer));
        answer
    }
}

fn is_valid(webhook: &Webhook, now: Timestamp) -> bool {
    let headers: Vec<_> =
        webhook.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let webhook = payment::Webhook { headers: &headers, body: &webhook.body };
    verify(&config(), webhook, now).is_ok()
}

fn order(number: u64) -> OrderId {
    OrderId::new(number).unwrap()
}

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::from_code("EUR").unwrap())
}

/// Captures money for `orders` orders, and waits until all is told.
fn run(seed: u64, faults: Faults, orders: u64, door: Door) -> (Run, Arc<Door>) {
    let kernel = Kernel::new(seed, faults, Trace::Full);
    *door.kernel.lock() = Some(kernel.clone());
    let door = Arc::new(door);
    let provider = SharedProvider::new(kernel.clone(), door.clone());
    let main = {
        let kernel = kernel.clone();
        async move {
            for number in 1..=orders {
                let payment = provider.capture(order(number), eur(10));
                assert_eq!((payment.order_id, payment.left()), (order(number), 10));
            }
            while provider.open_webhooks() + provider.open_strays() > 0 {
                kernel.sleep(Duration::from_secs(60)).await;
            }
        }
    };
    (kernel.run(Box::pin(main), 1_000_000), door)
}

fn passed(run: &Run) {
    assert_eq!(run.violation, None, "{:#?}", run.timeline);
}

#[test]
fn a_webhook_is_signed_and_sent_once() {
    let (run, door) = run(1, Faults::none(), 5, Door::default());
    passed(&run);
    let seen = door.seen.lock();
    assert_eq!(seen.len(), 5);
    assert!(
        seen.iter().all(|(at, _, answer)| *at < Duration::from_secs(1) && *answer == Answer::Taken)
    );
    assert_eq!(door.taken.lock().len(), 5);
}

#[test]
fn what_is_not_taken_is_signed_anew_and_sent_again_after_growing_pauses() {
    let not = [Answer::NotNow, Answer::NoAnswer, Answer::Refused, Answer::NotNow];
    let (run, door) =
        run(1, harmless(), 1, Door { answers: Mutex::new(not.into()), ..Door::default() });
    passed(&run);
    let seen = door.seen.lock();
    let at: Vec<_> = seen.iter().map(|(at, _, _)| at.as_secs()).collect();
    assert_eq!(at, [0, 5, 65, 665, 4_265]);
    assert_eq!(seen[4].2, Answer::Taken);
    for (at, webhook, _) in seen.iter() {
        assert!(is_valid(webhook, START.after(*at)));
        assert_eq!(webhook.body, seen[0].1.body);
    }
}

#[test]
fn without_faults_it_is_sent_again_soon() {
    let not = [Answer::NotNow; 20];
    let (run, door) =
        run(1, Faults::none(), 1, Door { answers: Mutex::new(not.into()), ..Door::default() });
    passed(&run);
    assert_eq!(door.seen.lock().last().unwrap().0.as_secs(), 100);
}

#[test]
fn what_is_given_up_is_sent_when_faults_are_over() {
    let kernel = Kernel::new(1, harmless(), Trace::Full);
    let door = Door { answers: Mutex::new([Answer::NotNow; 12].into()), ..Door::default() };
    *door.kernel.lock() = Some(kernel.clone());
    let door = Arc::new(door);
    let provider = SharedProvider::new(kernel.clone(), door.clone());
    let main = {
        let kernel = kernel.clone();
        async move {
            provider.fail(order(1), eur(10));
            kernel.sleep(Duration::from_secs(20 * 86_400)).await;
            assert_eq!(provider.open_webhooks(), 1);
            kernel.end_faults();
            provider.hurry();
            kernel.sleep(Duration::from_secs(60)).await;
            assert_eq!(provider.open_webhooks(), 0);
        }
    };
    passed(&kernel.run(Box::pin(main), 100_000));
    let seen = door.seen.lock();
    let given_up = seen.iter().filter(|(at, _, _)| at.as_secs() < 4 * 86_400).count();
    assert_eq!((given_up, door.taken.lock().len()), (11, 1));
}

#[test]
fn nobody_waits_for_an_answer_for_ever() {
    let (run, door) =
        run(1, Faults::none(), 1, Door { hangs: Mutex::new(true), ..Door::default() });
    passed(&run);
    let seen = door.seen.lock();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].0, ANSWER_WITHIN + Duration::from_secs(5));
}

#[test]
fn late_webhooks_overtake_each_other() {
    let (run, door) = run(2, Faults::only(Fault::WebhookLate, ALWAYS), 9, Door::default());
    passed(&run);
    let seen = door.seen.lock();
    assert!(seen.iter().any(|(at, _, _)| at.as_secs() > 300));
    assert!(!seen.is_sorted_by_key(|(_, webhook, _)| webhook.body.clone()));
    assert_eq!(door.taken.lock().len(), 9);
}

#[test]
fn doubled_webhooks_are_signed_anew() {
    let (run, door) = run(2, Faults::only(Fault::WebhookDoubled, ALWAYS), 40, Door::default());
    passed(&run);
    let seen = door.seen.lock();
    let struck = usize::try_from(run.strikes[Fault::WebhookDoubled.index()]).unwrap();
    assert!((40 + struck + 1..40 + 2 * struck).contains(&seen.len()), "{} {struck}", seen.len());
    assert!(seen.iter().all(|(_, _, answer)| *answer == Answer::Taken));
    assert!(seen.iter().any(|(at, _, _)| at.as_secs() > 3_600));
    assert_eq!(door.taken.lock().len(), 40);
}

#[test]
fn every_forgery_is_refused_by_a_shop_that_verifies() {
    let (run, door) = run(2, Faults::only(Fault::WebhookForged, ALWAYS), 200, Door::default());
    passed(&run);
    let seen = door.seen.lock();
    let forged = seen.iter().filter(|(_, webhook, _)| webhook.origin == Origin::Forged);
    assert!(forged.clone().count() > 100);
    assert!(forged.clone().all(|(_, _, answer)| *answer == Answer::Refused));
    assert_eq!(door.taken.lock().len(), 200);
}

#[test]
fn a_shop_that_takes_a_forgery_breaks_its_promise() {
    let door = Door { is_naive: true, ..Door::default() };
    let (run, _) = run(2, Faults::only(Fault::WebhookForged, ALWAYS), 20, door);
    assert_eq!(run.violation.unwrap().promise, "I8");
}

/// The door itself asserts that nothing new comes with a replay.
#[test]
fn replays_are_known_or_stale() {
    let (run, door) = run(2, Faults::only(Fault::WebhookReplayed, ALWAYS), 100, Door::default());
    passed(&run);
    let seen = door.seen.lock();
    for (origin, answer) in [(Origin::Replayed, Answer::Taken), (Origin::Forged, Answer::Refused)] {
        let of_this = seen.iter().filter(|(_, webhook, _)| webhook.origin == origin);
        assert!(of_this.clone().count() > 10);
        assert!(of_this.clone().all(|(_, _, said)| *said == answer));
    }
    assert_eq!(door.taken.lock().len(), 100);
}

#[test]
fn a_seed_is_one_run() {
    let once = |seed| {
        let mut rng = Kernel::new(seed, Faults::none(), Trace::Off).stream(1);
        let (run, door) = run(seed, Faults::drawn(&mut rng), 50, Door::default());
        let seen = door.seen.lock().clone();
        (run.violation, run.strikes, run.timeline, seen)
    };
    assert_eq!(once(5), once(5));
    assert_ne!(once(5).2, once(6).2);
}
